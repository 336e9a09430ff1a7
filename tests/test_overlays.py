"""Overlays: made of rows, joined with an invented corpus in a published format, and free of its text."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from partystance.errors import InputError
from partystance.labels.overlays import (
    extended_overlay,
    is_overlay,
    keyed_sentences,
    overlay_row,
    read_overlay,
    sentence_key,
    write_overlay,
)
from partystance.schema import Annotation, Example, Mention

ROOT = Path(__file__).parents[1]
TEXT = "Norland thanked the Sudlanders, who met in Bel."
CORPUS = (
    "[Norland] thanked the [Sudlander]s, who met in Bel.\tNorland\tSudlander\t1\n"
    "[Norland] thanked the Sudlanders, who met in [Bel].\tNorland\tBel\t0\n"
    "[Norland] left [Bel].\tNorland\tBel\t0\n"
)
ROW = Example(
    id="x",
    text=TEXT,
    party="sudland",
    mentions=(Mention(20, 30, "Sudlanders"),),
    label="support",
    holder="norland",
    voice="reported",
    annotations=(Annotation("first", "support", "norland"), Annotation("second", "neutral")),
    phenomena=("reported-speech",),
)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "train.txt"
    path.write_text(CORPUS, encoding="utf-8")
    return path


def test_an_overlay_comes_back_with_its_text(corpus: Path, tmp_path: Path) -> None:
    overlay = tmp_path / "dse.jsonl"
    assert write_overlay(overlay, iter([overlay_row(ROW, "natural") | {"split": "test"}])) == 1
    (row,) = read_overlay(overlay, "dse", corpus)
    assert is_overlay(row)
    assert (row.text, row.mentions, row.label, row.holder) == (TEXT, ROW.mentions, "support", "norland")
    assert (row.annotations, row.phenomena, row.voice) == (ROW.annotations, ROW.phenomena, ROW.voice)
    assert (row.label_source, row.split) == ("curated", "test")


def test_more_rows_are_to_train_on_and_what_is_held_out_stays(corpus: Path) -> None:
    held = overlay_row(ROW, "natural") | {"split": "test"}
    left = replace(ROW, text="Norland left Bel.", party="norland", mentions=(Mention(0, 7, "Norland"),))
    again = replace(ROW, label="neutral", holder="")
    same_article = replace(ROW, party="norland", mentions=(Mention(0, 7, "Norland"),))
    rows = [left, left, again, same_article]
    counts: Counter[str] = Counter()
    lines = extended_overlay([held], rows, keyed_sentences("dse", corpus), "polar", counts)
    assert held in lines
    assert [(line["sentence"], line["split"], line["sample"]) for line in lines if line != held] == [
        (sentence_key(left.text), "train", "polar")
    ]
    assert counts == {"added": 1, "labelled before": 2, "in an article that is held out": 1}


def test_a_mention_elsewhere_in_the_corpus_is_refused(corpus: Path) -> None:
    row = replace(ROW, text="Norland  left Bel.", party="bel", mentions=(Mention(14, 17, "Bel"),))
    with pytest.raises(ValueError, match="mention"):
        extended_overlay([], [row], keyed_sentences("dse", corpus), "polar", Counter())


def test_rows_without_their_sentence_are_counted(corpus: Path, tmp_path: Path) -> None:
    line = overlay_row(ROW, "natural")
    lines = [line | {"sentence": sentence_key("Elsewhere.")}, line | {"characters": len(TEXT) + 1}, line]
    write_overlay(tmp_path / "dse.jsonl", iter(lines))
    counts: Counter[str] = Counter()
    assert len(list(read_overlay(tmp_path / "dse.jsonl", "dse", corpus, counts))) == 1
    assert counts == {
        "overlay row whose sentence is not in the corpus": 1,
        "overlay row whose sentence is spelled differently": 1,
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mentions": [[20, 99]]}, r"line 1.*outside|1: .*outside"),
        ({"label": "maybe"}, "maybe"),
        ({"party": None}, "party"),
    ],
)
def test_a_broken_line_is_named(
    change: dict[str, object], message: str, corpus: Path, tmp_path: Path
) -> None:
    overlay = tmp_path / "dse.jsonl"
    overlay.write_text(json.dumps(overlay_row(ROW, "natural") | change) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=message):
        list(read_overlay(overlay, "dse", corpus))


def test_an_unknown_corpus_is_named(corpus: Path, tmp_path: Path) -> None:
    write_overlay(tmp_path / "x.jsonl", iter([]))
    with pytest.raises(InputError, match="known: dse, dse-silence, gerntsa, madtsc"):
        list(read_overlay(tmp_path / "x.jsonl", "nowhere", corpus))


def shipped(name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (ROOT / "data" / "overlays" / name).open(encoding="utf-8")]


def test_the_shipped_overlays_are_large_enough_and_hold_no_text() -> None:
    lines = shipped("dse.jsonl") + shipped("newsmtsc.jsonl")
    samples = Counter(str(line["sample"]) for line in lines)
    assert samples["natural"] >= 1600
    assert samples["polar"] >= 600
    neutral = sum(line["label"] == "neutral" for line in lines if line["sample"] == "natural")
    assert 0.65 < neutral / samples["natural"] < 0.85
    assert len({line["party"] for line in lines}) >= 100
    allowed = {"sentence", "characters", "mentions", "party", "label", "holder", "voice", "mixed"}
    assert set().union(*lines) <= allowed | {"phenomena", "annotations", "sample", "split"}
    assert max(len(str(line.get("holder", ""))) for line in lines) < 80
    assert all(bool(line.get("holder")) == (line["label"] != "neutral") for line in lines)


def test_disputed_overlay_rows_are_settled_with_a_reason() -> None:
    lines = shipped("dse.jsonl") + shipped("newsmtsc.jsonl")
    twice = [line for line in lines if line.get("annotations")]
    assert len(twice) >= 500
    disputed = {
        (line["sentence"], line["party"]): line
        for line in twice
        if len({a["label"] for a in line["annotations"]}) > 1  # pyright: ignore
    }
    settled = {(entry["sentence"], entry["party"]): entry for entry in shipped("adjudications.jsonl")}
    assert settled.keys() == disputed.keys()
    for key, entry in settled.items():
        assert entry["label"] == disputed[key]["label"]
        assert len(str(entry["reason"])) > 10
