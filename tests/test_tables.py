"""Tables: what is written comes back, in every format, and a broken one is named."""

import csv
import io
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partystance.errors import InputError, PartystanceError
from partystance.schema import LABELS, PREDICTION_FIELDS, ROW_FIELDS, Annotation, Example, Mention, Prediction
from partystance.tables import FORMATS, RowWriter, read_examples, read_rows, write_rows

ROW = Example(
    id="1",
    text="=Norway thanked “Iran”, twice.",
    party="iran",
    mentions=(Mention(17, 21, "Iran"),),
    label="support",
    sentence_index=3,
    sentence_start=40,
    sentence_end=70,
    holder="norway",
    voice="reported",
    mixed=True,
    annotations=(Annotation("ann", "support", "norway"), Annotation("bob", "neutral")),
    phenomena=("passive", "negation"),
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).filter(
    lambda t: "\0" not in t
)


@pytest.mark.parametrize("suffix", FORMATS)
@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(TEXT, max_size=5),
    prefix=st.sampled_from(["", "=", "'=", "-", "@", "\r", "\r\n", "''+", '"', "＝"]),
)
def test_rows_come_back(
    suffix: str, texts: list[str], prefix: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("t") / f"rows{suffix}"
    texts = [prefix + text for text in texts]
    rows = [replace(ROW, id=str(i), text=t, mentions=(Mention(0, len(t), t),)) for i, t in enumerate(texts)]
    write_rows(path, [row.to_row() for row in rows])
    assert list(read_examples(path)) == rows


@pytest.mark.parametrize("suffix", FORMATS)
def test_plain_rows_have_the_same_values_in_every_format(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"rows{suffix}"
    write_rows(path, [ROW.to_row()])
    assert list(read_rows(path)) == [ROW.to_row()]


RISKY = "=+-@\t\r\n＝＋－＠"
"""What OWASP lists as the start of a formula."""


def test_no_cell_of_a_csv_is_a_formula(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    write_rows(path, [replace(ROW, holder=start + "cmd()").to_row() for start in RISKY])
    text = path.read_text(encoding="utf-8-sig")
    cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    assert not [cell for cell in cells if cell.startswith(tuple(RISKY))]


@pytest.mark.parametrize("suffix", FORMATS)
def test_predictions_keep_their_types(suffix: str, tmp_path: Path) -> None:
    prediction = Prediction("1", "d", 2, 10, 20, "Iran left.", (Mention(0, 4, "Iran"),), "iran", "neutral",
                            (0.1, 0.7, 0.2), "m@1", truncated=True)  # fmt: skip
    path = tmp_path / f"p{suffix}"
    with RowWriter(path, PREDICTION_FIELDS) as writer:
        writer.write(prediction.to_row())
    assert list(read_rows(path)) == [prediction.to_row()]


@pytest.mark.parametrize("suffix", FORMATS)
def test_an_empty_table_reads_as_one(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"rows{suffix}"
    write_rows(path, [])
    assert list(read_rows(path)) == []
    if suffix == ".parquet":
        assert pq.read_schema(path).names == list(ROW_FIELDS)


def test_class_labels_of_datasets_come_back_as_names(tmp_path: Path) -> None:
    from datasets import ClassLabel, Dataset, Features, Value

    features = Features({"id": Value("string"), "label": ClassLabel(names=list(LABELS))})
    dataset = Dataset.from_dict(
        {"id": ["a", "b", "c"], "label": ["criticize", "support", None]}, features=features
    )
    dataset.to_parquet(tmp_path / "d.parquet")
    assert [row["label"] for row in read_rows(tmp_path / "d.parquet")] == ["criticize", "support", ""]


@pytest.mark.parametrize("suffix", FORMATS)
def test_an_error_while_writing_leaves_the_old_file(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"rows{suffix}"
    path.write_text("old")

    def interrupted():
        yield ROW.to_row()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_rows(path, interrupted())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_row_with_other_fields_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not id"), RowWriter(tmp_path / "rows.csv", ROW_FIELDS) as writer:
        writer.write({"id": "1"})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'\n{"id": \n', "a.jsonl:2: not valid JSON"),
        ("a.jsonl", b"[" * 100_000, "a.jsonl:1: not valid JSON"),
        ("a.jsonl", b"[1]\n", "a.jsonl:1: a row is a JSON object, not list"),
        ("a.jsonl", b'{"id": "1", "text": "\xff"}\n', "not UTF-8"),
        ("a.jsonl", b'{"id": "1", "text": "x"}\n', "a.jsonl:1: .*'party' is missing"),
        ("a.jsonl", b'{"id":"1","text":"x","party":"p","mentions":[{"start":0}]}\n', "a.jsonl:1"),
        (
            "a.jsonl",
            b'{"id":"1","text":"x","party":"p","mentions":[],"stance":"x"}\n',
            "unknown field 'stance'",
        ),
        ("a.csv", b"id,text\n1\n", "a.csv:2: more or fewer cells"),
        ("a.csv", b"id,mixed\n1,perhaps\n", "a.csv:2: column 'mixed': 'perhaps' is not true or false"),
        ("a.csv", b'id,text\n1,"x" y\n', "a.csv:2: not valid CSV"),
        ("a.csv", b'id,text\n1,"x\n2,y\n', "a.csv:2: not valid CSV: unexpected end of data"),
        ("a.csv", b'id,mentions\n1,"[{"\n', "a.csv:2: column 'mentions'"),
        ("a.parquet", b"PAR1 not really", "a.parquet: cannot be read: Parquet magic bytes"),
        ("a.xlsx", b"", "unknown kind of table '.xlsx'; use one of .csv, .jsonl, .parquet"),
    ],
)
def test_a_broken_table_is_named(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        list(read_examples(tmp_path / name))


def test_a_damaged_parquet_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    write_rows(path, [replace(ROW, id=str(i), group=str(i * 7919)).to_row() for i in range(20_000)])
    content = path.read_bytes()
    path.write_bytes(content[:1000] + b"\xff" * 3000 + content[4000:])
    with pytest.raises(InputError, match=r"a\.parquet: cannot be read"):
        list(read_rows(path))


@pytest.mark.parametrize("use", [lambda path: list(read_rows(path)), lambda path: write_rows(path, [])])
def test_what_parquet_needs_is_named(
    use: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.parquet"
    write_rows(path, [])
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # as if it were not installed
    monkeypatch.delitem(sys.modules, "partystance.parquet")
    with pytest.raises(PartystanceError, match=r"Parquet needs .*pyarrow: pip .*\[formats\]"):
        use(path)


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.csv: no such file"):
        list(read_rows(tmp_path / "none.csv"))
