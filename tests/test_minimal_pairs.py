"""Minimal pairs: the shipped ones are sound, the scores are those of a hand count."""

import json
from collections import Counter
from pathlib import Path

import pytest

from partystance.errors import InputError
from partystance.minimal_pairs import CHANGES, MinimalPair, pair_scores, read_minimal_pairs
from partystance.parties import Registry
from partystance.schema import Example, Mention
from partystance.splits import contamination_report
from partystance.tables import read_examples

DATA = Path(__file__).parents[1] / "data"


def row(label: str) -> Example:
    return Example("x", "Norland left.", "norland", (Mention(0, 7, "Norland"),), label)


def pair(change: str, first: str, second: str) -> MinimalPair:
    return MinimalPair("p", change, row(first), row(second))


def test_scores_by_hand() -> None:
    pairs = [
        pair("negation", "support", "neutral"),
        pair("negation", "criticize", "neutral"),
        pair("alias-name", "criticize", "criticize"),
        pair("alias-name", "neutral", "neutral"),
    ]
    said = [("support", "neutral"), ("neutral", "support"), ("support", "support"), ("neutral", "criticize")]
    assert pair_scores(pairs, said) == {
        "negation": {"n": 2, "right": 0.5, "effect": 1.0},
        "alias-name": {"n": 2, "right": 0.0, "effect": 0.5},
        "all": {"n": 4, "right": 0.25, "effect": 0.75},
    }


@pytest.mark.parametrize(
    ("change", "labels", "message"),
    [
        ("negation", ("support", "support"), "must change"),
        ("alias-name", ("support", "neutral"), "must not change"),
        ("rhyme", ("support", "neutral"), "rhyme"),
        ("negation", ("support", ""), "need a label"),
    ],
)
def test_labels_must_fit_the_change(change: str, labels: tuple[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pair(change, *labels)


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps({"id": "p", "change": "negation", "rows": [row("support").to_row()]}) + "\n")
    with pytest.raises(InputError, match=r"pairs\.jsonl.*1.*not a minimal pair"):
        list(read_minimal_pairs(path))


@pytest.fixture(scope="module")
def pairs() -> list[MinimalPair]:
    return list(read_minimal_pairs(DATA / "minimal_pairs.jsonl"))


def test_there_are_enough_of_every_kind(pairs: list[MinimalPair]) -> None:
    assert len(pairs) >= 400
    assert min(Counter(p.change for p in pairs).values()) >= 40
    assert {p.change for p in pairs} == set(CHANGES)
    labels = Counter(r.label for p in pairs for r in p.rows)
    assert min(labels.values()) > 0.25 * sum(labels.values())
    assert len({r.party for p in pairs for r in p.rows}) >= 60
    for p in pairs:
        assert p.first.text != p.second.text
        for r in p.rows:
            assert bool(r.holder) == (r.label != "neutral"), p.id


def test_the_registry_finds_the_party_where_the_pair_says(pairs: list[MinimalPair]) -> None:
    registry = Registry.shipped()
    for p in pairs:
        for r in p.rows:
            found = [m for m in registry.find(r.text) if m.party == r.party]
            assert [(m.start, m.end) for m in found] == [(m.start, m.end) for m in r.mentions], p.id


def test_no_pair_is_in_the_shipped_articles(pairs: list[MinimalPair]) -> None:
    shipped = list(read_examples(DATA / "labels" / "invented.jsonl"))
    report = contamination_report({"articles": shipped, "pairs": [r for p in pairs for r in p.rows]})
    assert report.clean
