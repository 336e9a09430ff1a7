"""Who takes a stance: gold holders become tokens, weights become names, and names are compared."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from partystance import StanceClassifier
from partystance.encoding import SpanEncoder, Window
from partystance.holders import holder_tokens, name_holder, same_holder
from partystance.schema import Example, Mention

TEXT = "Mr. Alston, of Norway, praised Russia; Norway did not."


@pytest.fixture(scope="module")
def encoder(tiny_encoder: Path) -> SpanEncoder:
    return SpanEncoder(Tokenizer.from_file(str(tiny_encoder / "tokenizer.json")), 64)


def row(party: str, holder: str = "", label: str = "support") -> Example:
    start = TEXT.index(party)
    mention = Mention(start, start + len(party), party)
    return Example(party, TEXT, party.lower(), (mention,), label, holder=holder)


def window(encoder: SpanEncoder, *rows: Example) -> Window:
    (found,) = encoder.encode(TEXT, [one.mentions for one in rows])
    return found


def words(found: Window, tokens: tuple[int, ...]) -> str:
    return TEXT[found.offsets[tokens[0]][0] : found.offsets[tokens[-1]][1]]


def test_holders_become_tokens(encoder: SpanEncoder) -> None:
    russia, norway = row("Russia"), row("Norway")
    read = window(encoder, russia, norway)
    assert holder_tokens(read, row("Russia", ""), [russia]) == ()
    assert holder_tokens(read, row("Russia", "author"), [russia]) == (0,)
    assert words(read, holder_tokens(read, row("Russia", "Mr. Alston"), [russia])) == "Mr. Alston"
    assert words(read, holder_tokens(read, row("Russia", "norway"), [russia, norway])) == "Norway"
    assert holder_tokens(read, row("Russia", "critics"), [russia]) == ()
    assert holder_tokens(read, row("Russia", "Russia"), [russia]) == ()  # its own mention is no holder


def weights(read: Window, **share: float) -> np.ndarray:
    """Token weights: the share of each word, spread over its tokens; `author` is the first token's."""
    found = np.zeros(len(read.input_ids))
    for word, value in share.items():
        start = TEXT.index(word) if word != "author" else 0
        tokens = (0,) if word == "author" else read.tokens_of([Mention(start, start + len(word), word)])
        found[list(tokens)] = value / len(tokens)
    return found


def test_weights_become_names(encoder: SpanEncoder) -> None:
    russia, norway = row("Russia"), row("Norway")
    read = window(encoder, russia, norway)
    parties = {"russia": read.spans[0], "norway": read.spans[1]}

    def named(**share: float) -> tuple[str, float]:
        name, probability = name_holder(weights(read, **share), read, TEXT, parties)
        return name, round(probability, 6)

    assert named(author=0.6, Alston=0.4) == ("author", 0.6)
    assert named(Norway=0.7, author=0.3) == ("norway", 0.7)
    assert named(Mr=0.3, Alston=0.4, author=0.3) == ("Mr. Alston", 0.7)
    assert named(Alston=0.55, praised=0.02, author=0.43) == ("Alston", 0.55)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_holder_is_the_author_a_party_or_words_of_the_sentence(encoder: SpanEncoder, seed: int) -> None:
    read = window(encoder, row("Russia"), row("Norway"))
    draw = np.random.default_rng(seed).dirichlet(np.full(len(read.input_ids), 0.3))
    parties = {"russia": read.spans[0], "norway": read.spans[1]}
    name, probability = name_holder(draw, read, TEXT, parties)
    assert name in ("author", *parties) or (name and name in TEXT)
    assert 0 <= probability <= 1 + 1e-9


def test_predictions_name_a_holder_exactly_where_there_is_a_stance(tiny_run: Path) -> None:
    rows = [row("Russia"), row("Norway")]
    for prediction in StanceClassifier(tiny_run).predict(rows):
        assert bool(prediction.holder) == (prediction.label != "neutral") == (prediction.p_holder > 0)


@pytest.mark.parametrize(
    ("said", "gold", "same"),
    [
        ("norway", "norway", True),
        ("Mr. Alston", "Alston", True),
        ("the minister", "Minister", True),
        ("author", "author", True),
        ("author", "the author", False),
        ("iran", "iranians", False),
        ("", "norway", False),
    ],
)
def test_names_of_one_holder(said: str, gold: str, same: bool) -> None:
    assert same_holder(said, gold) == same_holder(gold, said) == same
