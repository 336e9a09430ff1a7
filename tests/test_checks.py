"""`partystance check`: every kind of mistake, made on purpose in invented rows."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from partystance.checks import Severity, check_files
from partystance.cli import app
from partystance.labelled import LabelledFile, LabelledRow, read_labelled
from partystance.labels.corpora import Format
from partystance.parties import Registry
from partystance.schema import LABELS, Annotation, Example, Mention
from partystance.tables import read_rows

REGISTRY = "parties:\n  - {id: norland, name: Norland, kind: country}\n"


def example(text: str, label: str = "neutral", party: str = "norland", **fields) -> Example:
    start = text.index("Norland")
    values = {"id": f"{text}:{party}", "doc_id": text} | fields
    return Example(
        text=text, party=party, label=label, mentions=(Mention(start, start + 7, "Norland"),), **values
    )


VARIED = [example(f"Norland {verb} all day.", label) for verb, label in zip("abc", LABELS, strict=True)]
"""Rows nothing is wrong with."""


def findings(*rows: Example, split: str = "s"):
    """The findings over some rows, beside `VARIED`, by check."""
    placed = [
        LabelledRow(replace(row, split=row.split or split), f"f:{line}")
        for line, row in enumerate([*VARIED, *rows], start=1)
    ]
    return check_files([LabelledFile(Path("f"), tuple(placed))], None)


def write(path: Path, *rows: Example | dict | str) -> Path:
    plain = (row.to_row() if isinstance(row, Example) else row for row in rows)
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in plain))
    return path


def run(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["check", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_nothing_is_said_of_good_rows() -> None:
    assert findings() == []


def test_broken_rows_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    good = VARIED[0].to_row()
    shifted = good | {"mentions": [{"start": 1, "end": 8, "surface": "Norland"}]}
    path = write(
        tmp_path / "a.jsonl", good, shifted, "{", "[]", good | {"party": None}, good | {"label": "good"},
        good | {"text": 5}, good | {"party": ["norland"]}, good | {"mentions": "x"}, good | {"id": ""},
        *VARIED[1:],
    )  # fmt: skip
    file = read_labelled(path)
    assert [row.place for row in file.rows] == [f"{path}:1", f"{path}:11", f"{path}:12"]
    assert [error.line for error in file.broken] == list(range(2, 11))
    reasons = [
        "'orland '",
        "JSON",
        "list",
        "'party' is missing",
        "'good'",
        "'text' is 5",
        "'party'",
        "",
        "'id' is empty",
    ]
    for reason, error in zip(reasons, file.broken, strict=True):
        assert reason in error.reason
    found = check_files([file], None)
    assert [(f.check, f.severity, f.places) for f in found] == [
        ("broken row", Severity.ERROR, (f"{path}:{line}",)) for line in range(2, 11)
    ]


def test_a_broken_csv_record_ends_the_file_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        'id,text,party,mentions\nx,Norland,norland,"[{""start"":0,""end"":7,""surface"":""Norland""}]"\n"y'
    )
    file = read_labelled(path)
    assert [row.example.id for row in file.rows] == ["x"]
    assert [error.line for error in file.broken] == [3]


def test_repeated_ids() -> None:
    (found,) = findings(example("Norland left.", id="x"), example("Norland won.", id="x"))
    assert (found.check, found.severity, found.places) == ("repeated id", Severity.ERROR, ("f:4", "f:5"))


def test_conflicting_labels_are_of_one_pair_whatever_the_punctuation_and_split() -> None:
    (found,) = [
        finding
        for finding in findings(
            example("Norland left.", "support", id="1", split="train"),
            example("norland left! Norland", "support", id="2"),
            example("“Norland” left", "criticize", id="3", split="test"),
            example("Norland left.", "criticize", party="sudland", id="4", split="train"),
        )
        if finding.check == "conflicting labels"
    ]
    assert found.severity == Severity.ERROR
    assert found.places == ("f:4", "f:6")
    assert found.message == "'norland' is 1 support, 1 criticize in “Norland left.”"


def test_a_pair_without_a_label_conflicts_with_none() -> None:
    checks = {
        f.check for f in findings(example("Norland left."), example("Norland left", "", id="2", doc_id="b"))
    }
    assert "conflicting labels" not in checks


def test_a_neutral_row_of_one_holder_contradicts_and_copies_no_other() -> None:
    checks = {
        f.check
        for f in findings(
            example("Norland left.", "criticize", id="1", holder="sudland"),
            example("Norland left.", "neutral", id="2", holder="ostland"),
            example("Norland left.", "neutral", id="3", holder="westland"),
        )
    }
    assert "conflicting labels" not in checks
    others = [example("Norland left.", "neutral", id=h, holder=h) for h in ("ostland", "westland", "")]
    assert "copied row" not in {f.check for f in findings(*others)}
    twice = [example("Norland left.", "neutral", id=n, holder="ostland") for n in "12"]
    assert "copied row" in {f.check for f in findings(*twice)}


def test_copied_rows() -> None:
    (found,) = findings(
        example("Norland left."), example("Norland left", id="2"), example("Norland left", party="x", id="3")
    )
    assert (found.check, found.severity, found.places, found.count) == (
        "copied row",
        "warning",
        ("f:4", "f:5"),
        2,
    )


WIRE = "The envoy of Norland left the grain talks in the port town late on Monday evening"


def test_near_duplicates_within_a_split() -> None:
    (found,) = findings(example(WIRE), example(f"{WIRE} again"), example(f"{WIRE} again!", party="x"))
    assert (found.check, found.severity, found.count) == ("near-duplicate sentences", "warning", 2)
    assert found.places == ("f:4", "f:5")


def test_what_splits_share(tmp_path: Path) -> None:
    rows = [example(f"Norland {verb} twice.", label) for verb, label in zip("abc", LABELS, strict=True)]
    train = write(
        tmp_path / "train.jsonl", *VARIED, example(WIRE, id="w"), example("Norland up.", doc_id="d", id="u")
    )
    test = write(
        tmp_path / "test.jsonl", *rows, example(f"{WIRE} again", id="w2"),
        example("Norland down.", doc_id="d", id="d"), example("NORLAND a all day, Norland!", id="n"),
        example("Norland: a, all day", id="i"), example("Norland in.", split="train", id="in"),
    )  # fmt: skip
    found = check_files([read_labelled(train), read_labelled(test)], None)
    assert {f.severity for f in found} == {Severity.ERROR}
    assert {(f.check, f.places) for f in found} == {
        ("article in two splits", (f"{train}:5", f"{test}:5")),
        ("sentence in two splits", (f"{train}:1", f"{test}:7")),
        ("near-duplicate sentence in two splits", (f"{train}:4", f"{test}:4")),
        ("conflicting labels", (f"{train}:1", f"{test}:7")),
    }


@pytest.mark.parametrize(
    ("counts", "messages"),
    [
        ((1, 18, 1), []),
        ((1, 96, 1), ["s: 96 of 98 rows are neutral"]),
        ((0, 5, 5), ["s: no row is support"]),
        ((0, 0, 3), ["s: no row is support; no row is neutral; 3 of 3 rows are criticize"]),
        ((0, 0, 0), ["s: no labels"]),
    ],
)
def test_class_collapse(counts: tuple[int, ...], messages: list[str]) -> None:
    rows = [
        example(f"Norland {n}", label)
        for label, count in zip(LABELS, counts, strict=True)
        for n in range(count)
    ]
    rows = rows or [example("Norland", "")]
    file = LabelledFile(Path("f"), tuple(LabelledRow(_in(row, "s"), "f:1") for row in rows))
    found = [f for f in check_files([file], None) if f.check == "class collapse"]
    assert [f.message for f in found] == messages


def _in(row: Example, split: str) -> Example:
    return replace(row, split=split)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 40), st.integers(0, 4))
def test_annotators_who_always_say_the_same(same: int, other: int) -> None:
    said = ["neutral"] * same + ["support"] * other
    rows = [
        example(
            f"Norland {n}", id=str(n), annotations=(Annotation("Ada", label), Annotation("Bo", LABELS[n % 3]))
        )
        for n, label in enumerate(said)
    ]
    found = [f for f in findings(*rows) if f.check == "unvarying annotator"]
    total = same + other
    if total >= 20 and 20 * same >= 19 * total:
        bo = Counter(LABELS[n % 3] for n in range(total))["neutral"]
        assert [f.message for f in found] == [
            f"'Ada' says neutral in {same} of {total} rows, others in {bo} of {total}"
        ]
    else:
        assert found == []


def test_unknown_parties_name_the_nearest(tmp_path: Path) -> None:
    registry_file = tmp_path / "one.yaml"
    registry_file.write_text(REGISTRY)
    file = read_labelled(
        write(
            tmp_path / "a.jsonl",
            *VARIED,
            example("Norland x", party="Norlandd"),
            example("Norland y", party="q"),
        )
    )
    found = check_files([file], Registry.load(registry_file))
    assert [(f.check, f.severity, f.message) for f in found] == [
        ("unknown party", "warning", "'Norlandd' (did you mean 'norland'?)"),
        ("unknown party", "warning", "'q'"),
    ]


def test_exit_status_tells_errors_from_warnings(tmp_path: Path) -> None:
    registry = tmp_path / "one.yaml"
    registry.write_text(REGISTRY)
    good = write(tmp_path / "good.jsonl", *VARIED)
    warned = write(tmp_path / "warned.jsonl", *VARIED, example("Norland x", party="q"))
    wrong = write(tmp_path / "wrong.jsonl", *VARIED, "{")
    codes = [run(path, "--parties", registry)[0] for path in (good, warned, wrong)]
    assert codes == [0, 0, 1]
    codes = [run(path, "--parties", registry, "--strict")[0] for path in (good, warned, wrong)]
    assert codes == [0, 1, 1]
    assert run(warned)[0] == 0  # nor does the shipped registry know Norland


def test_all_findings_are_written_and_some_printed(tmp_path: Path) -> None:
    rows = [example(f"Norland number {n} =1+1", "support", id=str(n), party=f"=q{n}") for n in range(9)]
    code, out, _ = run(write(tmp_path / "a.jsonl", *VARIED, *rows), "--out", tmp_path / "out")
    assert code == 0
    assert "a.jsonl: 12 rows (10 support, 1 neutral, 1 criticize) in 12 groups" in out
    assert "warning  unknown party: 10 (12 rows)" in out  # norland too
    assert "… and 4 more" in out
    assert "0 errors, 10 warnings" in out
    written = list(read_rows(tmp_path / "out" / "findings.csv"))
    assert [row["message"] for row in written[1:]] == [f"'=q{n}'" for n in range(9)]
    assert {row["severity"] for row in written} == {"warning"}
    assert written[0]["places"].split("\n") == [f"{tmp_path / 'a.jsonl'}:{line}" for line in (1, 2, 3)]


def test_a_public_corpus_is_read_as_published(tmp_path: Path) -> None:
    train, valid = tmp_path / "train.txt", tmp_path / "valid.txt"
    line = "[Norland] accused [Sudland]{} of cheating.\tNorland\tSudland\t{}\n"
    train.write_text(line.format("", 3) + line.format("", 3) + line.format("", 4) + line.format("ers", 1))
    valid.write_text(line.format("", 3) + "[Norland] met [Sudland].\tNorland\tSudland\t0\n")
    file = read_labelled(train, Format.DSE)
    assert file.repairs == {"same pair again": 1, "same pair, another relation": 1, "brackets mended": 1}
    code, out, _ = run("--format", "dse", train, valid)
    assert code == 1
    assert "error    sentence in two splits: 1 (2 rows)" in out
    assert "1 × brackets mended" in out
    assert "unknown party" not in out
    assert "no relation" not in out


@pytest.mark.parametrize("arguments", [["none.jsonl"], ["a.txt"], ["a.jsonl", "--suspects", "5"]])
def test_a_mistake_is_one_line(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.jsonl", *VARIED)
    code, _, err = run(*arguments)
    assert code == 1
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1
