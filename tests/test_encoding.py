"""Spans hold for any text and any tokenizer family; the tokenizer's own `char_to_token` is the referee."""

import pytest
from conftest import TOKENIZERS
from hypothesis import given, settings
from hypothesis import strategies as st

from partystance.encoding import SpanEncoder, batches_by_length
from partystance.errors import PartystanceError
from partystance.schema import Mention

ENCODERS = {name: SpanEncoder(make(), 64) for name, make in TOKENIZERS.items()}
HARD = [
    "🇺🇦🚀",
    "习近平",
    "e\u0301lan",
    "רוסיה",
    "العراق",
    "\u200d",
    "ﬁ",
    "İstanbul",
    "\u00a0",
    "U.S.",
    "Russia's",
    "ß",
]
TEXTS = st.lists(st.one_of(st.sampled_from(HARD), st.text(min_size=1, max_size=8)), min_size=1, max_size=8)


def mention(text: str, start: int, end: int) -> Mention:
    return Mention(start, end, text[start:end])


@pytest.mark.parametrize("family", TOKENIZERS)
@settings(max_examples=80, deadline=None)
@given(pieces=TEXTS, data=st.data())
def test_a_span_is_the_tokens_of_its_characters(family: str, pieces: list[str], data: st.DataObject) -> None:
    text = " ".join(pieces)
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    encoder = ENCODERS[family]
    for window in encoder.encode(text, [[mention(text, start, end)]]):
        (span,) = window.spans
        assert span
        assert all(0 <= token < len(window.input_ids) for token in span)
        if window.truncated:
            assert len(window.input_ids) <= encoder.max_tokens
            continue
        reference = encoder.tokenizer.encode(text)
        assert list(window.input_ids) == reference.ids
        expected = {reference.char_to_token(i) for i in range(start, end)} - {None}
        assert expected <= set(span)
        for token in (
            set(span) - expected if expected else ()
        ):  # bytes of one character beyond its first token
            assert reference.offsets[token][0] < end
            assert reference.offsets[token][1] > start


@pytest.mark.parametrize("family", TOKENIZERS)
@pytest.mark.parametrize(
    ("text", "surface"),
    [
        ("Berlin thanked Norway 🇳🇴 twice.", "Norway"),
        ("🚀🚀 Norway 🚀", "Norway"),
        ("“Norway’s offer,” he said", "Norway"),
        ("הנשיא thanked Norway", "Norway"),
    ],
)
def test_a_span_decodes_to_its_surface(family: str, text: str, surface: str) -> None:
    encoder = ENCODERS[family]
    start = text.index(surface)
    (window,) = encoder.encode(text, [[mention(text, start, start + len(surface))]])
    decoded = encoder.tokenizer.decode([window.input_ids[token] for token in window.spans[0]])
    assert decoded.replace("#", "").replace(" ", "").lower() == surface.lower()


def test_several_targets_share_one_window() -> None:
    text = "Arvenia accused Russia; Russia blamed Norway."
    targets = [[mention(text, 16, 22), mention(text, 24, 30)], [mention(text, 38, 44)]]
    (window,) = ENCODERS["wordpiece"].encode(text, targets)
    assert window.targets == (0, 1)
    assert len(window.spans[0]) >= 2
    assert not set(window.spans[0]) & set(window.spans[1])


def test_a_long_sentence_is_cut_around_each_mention() -> None:
    text = "Norway said " + "so on and " * 60 + "Turkey said " + "so forth and " * 60 + "Iran."
    names = ["Norway", "Turkey", "Iran"]
    targets = [[mention(text, text.index(name), text.index(name) + len(name))] for name in names]
    encoder = ENCODERS["wordpiece"]
    windows = encoder.encode(text, targets)
    assert [window.targets for window in windows] == [(0,), (1,), (2,)]
    for window, name in zip(windows, names, strict=True):
        assert window.truncated
        assert len(window.input_ids) == encoder.max_tokens
        assert window.input_ids[0] == encoder.prefix[0]
        decoded = encoder.tokenizer.decode([window.input_ids[token] for token in window.spans[0]])
        assert decoded.replace(" ", "").replace("##", "") == name.lower()


def test_a_monstrous_sentence_costs_only_its_surroundings() -> None:
    text = "x " * 2_000_000 + "Norway" + " y" * 2_000_000
    start = text.index("Norway")
    (window,) = ENCODERS["wordpiece"].encode(text, [[mention(text, start, start + 6)]])
    assert window.truncated
    assert len(window.input_ids) == 64


def test_a_mention_longer_than_the_window_keeps_its_beginning() -> None:
    text = "Norway " * 200
    (window,) = ENCODERS["wordpiece"].encode(text, [[mention(text, 0, len(text))]])
    assert len(window.input_ids) == 64
    assert len(window.spans[0]) == 62


def test_collate_marks_padding_and_targets() -> None:
    encoder = ENCODERS["wordpiece"]
    text = "Norway thanked Iran."
    two = encoder.encode(text, [[mention(text, 0, 6)], [mention(text, 15, 19)]])[0]
    one = encoder.encode("Iran", [[mention("Iran", 0, 4)]])[0]
    batch = encoder.collate([two, one])
    assert batch["input_ids"].shape == (2, len(two.input_ids))
    assert batch["target_mask"].shape == (2, 2, len(two.input_ids))
    assert batch["attention_mask"].sum(1).tolist() == [len(two.input_ids), len(one.input_ids)]
    assert batch["target_mask"][1, 1].sum() == 0
    assert batch["target_mask"][0].sum(-1).tolist() == [len(span) for span in two.spans]


def test_no_room_for_text_is_an_error() -> None:
    with pytest.raises(PartystanceError, match="max_tokens=2"):
        SpanEncoder(TOKENIZERS["wordpiece"](), 2)


@given(lengths=st.lists(st.integers(1, 200), max_size=60), limit=st.integers(1, 600))
def test_batches_hold_every_position_once_and_stay_small(lengths: list[int], limit: int) -> None:
    batches = list(batches_by_length(lengths, limit))
    assert sorted(position for batch in batches for position in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or max(lengths[i] for i in batch) * len(batch) <= limit
