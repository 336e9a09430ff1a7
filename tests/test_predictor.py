"""Predictions: whatever the batching, in order, one pass a sentence, and clear about inputs it cannot use."""

import random
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from partystance import StanceClassifier
from partystance.errors import PartystanceError
from partystance.schema import Example, Mention
from partystance.torch_engine import TorchEngine

SENTENCES = [
    "Arvenia accused Russia of shelling the port and praised Norway.",
    "Norway said nothing.",
    "“Turkey will not yield,” the minister said, " + "and so on and on " * 20 + "before Iran left.",
    "Iran and Turkey thanked Norway; Russia did not.",
]
PARTIES = ["Russia", "Norway", "Turkey", "Iran"]


def rows() -> list[Example]:
    found = []
    for number, text in enumerate(SENTENCES):
        for party in PARTIES:
            if party in text:
                mention = Mention(text.index(party), text.index(party) + len(party), party)
                found.append(Example(f"{number}:{party}", text, party.lower(), (mention,), doc_id="d"))
    return found


@pytest.fixture(scope="module")
def classifier(tiny_run: Path) -> StanceClassifier:
    return StanceClassifier(tiny_run)


def test_batched_equals_one_by_one(classifier: StanceClassifier) -> None:
    together = classifier.predict(rows())
    alone = [classifier.predict([row])[0] for row in rows()]
    for batched, single in zip(together, alone, strict=True):
        assert batched.id == single.id
        assert batched.probabilities == pytest.approx(single.probabilities, abs=1e-5)
        assert sum(batched.probabilities) == pytest.approx(1, abs=3e-6)
    assert len({p.probabilities for p in together}) == len(
        together
    )  # nothing is answered with a neighbour's row


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), batch_tokens=st.sampled_from([1, 64, 300, 100_000]))
def test_order_and_batch_size_change_nothing(
    classifier: StanceClassifier, seed: int, batch_tokens: int
) -> None:
    expected = {p.id: p for p in classifier.predict(rows())}
    shuffled = rows()
    random.Random(seed).shuffle(shuffled)
    predictions = classifier.predict(shuffled, batch_tokens=batch_tokens)
    assert [p.id for p in predictions] == [row.id for row in shuffled]
    for prediction in predictions:
        assert prediction.probabilities == pytest.approx(expected[prediction.id].probabilities, abs=1e-5)
        assert prediction.party == expected[prediction.id].party


def test_all_parties_of_a_sentence_come_from_one_encoder_pass(
    classifier: StanceClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []
    assert isinstance(classifier.engine, TorchEngine)
    encoder = classifier.engine.model.encoder
    forward = encoder.forward

    def counting(*args: object, **kwargs: torch.Tensor) -> object:
        encoded.append(kwargs["input_ids"].shape[0])
        return forward(*args, **kwargs)

    monkeypatch.setattr(encoder, "forward", counting)
    four = [row for row in rows() if row.text == SENTENCES[3]]
    assert len(classifier.predict(four)) == 4
    assert encoded == [1]


def test_every_kind_of_input_says_the_same(classifier: StanceClassifier) -> None:
    text = SENTENCES[0]
    start = text.index("Russia")
    mention = {"start": start, "end": start + 6, "surface": "Russia"}
    inputs = [
        (text[:start], "Russia", text[start + 6 :]),
        (text, start, start + 6),
        (text, "russia"),
        (text, "Russia"),
        {"id": "r", "text": text, "party": "russia", "mentions": [mention]},
        Example("e", text, "russia", (Mention(start, start + 6, "Russia"),)),
    ]
    predictions = classifier.predict(inputs)
    assert len({p.probabilities for p in predictions}) == 1
    assert [p.id for p in predictions] == ["0", "1", "2", "3", "r", "e"]


def test_a_party_the_registry_does_not_know_is_found_by_its_words(classifier: StanceClassifier) -> None:
    (prediction,) = classifier.predict([(SENTENCES[0], "Arvenia")])
    assert prediction.mentions == (Mention(0, 7, "Arvenia"),)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ((SENTENCES[0], "peru"), "'peru' is not mentioned"),
        ((SENTENCES[0], 5, 500), "lies outside"),
        ((SENTENCES[0], ""), "is not mentioned"),
        ("only text", "is none of"),
        ((1, 2, 3), "is none of"),
        ({"id": "r", "text": "x"}, "'party' is missing"),
        ({"id": "r", "text": "x", "party": "p", "mentions": [], "lable": "x"}, "unknown field 'lable'"),
    ],
)
def test_an_unusable_input_is_named(classifier: StanceClassifier, value: object, message: str) -> None:
    good = (SENTENCES[0], "Arvenia")
    with pytest.raises(PartystanceError, match=f"^input 1: .*{message}"):
        classifier.predict([good, value])  # type: ignore[list-item]


def test_long_sentences_are_marked(classifier: StanceClassifier) -> None:
    marked = {p.text: p.truncated for p in classifier.predict(rows())}
    assert marked == {SENTENCES[0]: False, SENTENCES[1]: False, SENTENCES[2]: True, SENTENCES[3]: False}


def test_nothing_in_nothing_out(classifier: StanceClassifier) -> None:
    assert classifier.predict([]) == []


def test_streaming_reads_only_as_far_as_it_must(classifier: StanceClassifier) -> None:
    read = 0

    def endless():
        nonlocal read
        while True:
            read += 1
            yield rows()[0]

    stream = classifier.stream(endless())
    assert next(stream).id == rows()[0].id
    assert read < 10_000


def test_the_model_id_names_the_weights(classifier: StanceClassifier, tiny_run: Path) -> None:
    import hashlib

    digest = hashlib.sha256((tiny_run / "model.safetensors").read_bytes()).hexdigest()
    assert classifier.model_id == f"tiny@{digest[:12]}"


@pytest.mark.parametrize("content", [None, "empty"])
def test_a_folder_without_a_model_is_named(tmp_path: Path, content: str | None) -> None:
    folder = tmp_path / "run"
    if content:
        folder.mkdir()
    with pytest.raises(PartystanceError, match="run"):
        StanceClassifier(folder)


def test_importing_the_package_imports_no_torch() -> None:
    import subprocess
    import sys

    code = "import sys, partystance, partystance.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_stances_of_all_holders_together_are_that_of_anybody(classifier: StanceClassifier) -> None:
    text, party = "Norway praised Russia and Iran", "Russia"
    (anybody,) = classifier.predict([(text, party)])
    toward = classifier.toward([(text, holder, party) for holder in [*text.split(), "author"]])
    for prediction in toward:
        assert sum(prediction.probabilities) == pytest.approx(1, abs=1e-5)
    for polar in (0, 2):  # the token that ends the sentence has a share too, and is nobody
        total = sum(prediction.probabilities[polar] for prediction in toward)
        assert anybody.probabilities[polar] / 2 < total <= anybody.probabilities[polar] + 1e-4


def test_one_holder_is_asked_about_by_id_words_or_mentions(classifier: StanceClassifier) -> None:
    text = "Oslo accused Moscow of shelling the port."
    by_id, by_words = classifier.toward([(text, "norway", "russia"), (text, "Oslo", "Moscow")])
    example = Example("1", text, "russia", (Mention(13, 19, "Moscow"),), holder="norway")
    (by_mention,) = classifier.toward([(example, (Mention(0, 4, "Oslo"),))])
    assert by_id.probabilities == pytest.approx(by_words.probabilities, abs=1e-5)
    assert by_id.probabilities == pytest.approx(by_mention.probabilities, abs=1e-5)
    assert (by_id.holder, by_words.holder) == ("norway", "Oslo")


@pytest.mark.parametrize("asked", [("Norway left.", "Chad", "Norway"), ("Norway left.", "author", "Chad")])
def test_who_is_not_named_cannot_be_asked_about(
    asked: tuple[str, str, str], classifier: StanceClassifier
) -> None:
    with pytest.raises(PartystanceError, match="input 0: 'Chad' is not mentioned"):
        classifier.toward([asked])
