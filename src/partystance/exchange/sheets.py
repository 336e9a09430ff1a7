"""A sheet to fill in by hand: CSV, or an Excel workbook (needs `pip install partystance[formats]`).

One row a task; people write `label`, `holder` and their name. Text that a spreadsheet would run as a formula
gets an apostrophe in front, and loses it again when it is read (`partystance.tables`).
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from partystance.errors import InputError
from partystance.exchange import workbooks
from partystance.exchange.merge import Answer, Findings
from partystance.exchange.records import need_suffix
from partystance.exchange.tasks import Task
from partystance.tables import RowWriter, csv_records, rearm_formula

COLUMNS = ("id", "text", "party", "mentions", "suggestion", "suggested_by", "label", "holder", "annotator")
_SUFFIXES = (".csv", ".xlsx")
_NEEDED = ("id", "text", "label")
_DELIMITERS = ",;\t"
"""Excel separates by semicolon where the comma is the decimal sign."""


def write(tasks: Iterable[Task], path: Path) -> None:
    """Write a `.csv` or `.xlsx` sheet.

    Raises:
        InputError: another suffix, or a text longer than a cell of Excel.
    """
    need_suffix(path, *_SUFFIXES)
    if path.suffix.lower() == ".xlsx":
        workbooks.write(map(cells, tasks), path, COLUMNS)
        return
    with RowWriter(path, COLUMNS) as writer:
        for task in tasks:
            writer.write(cells(task))


def cells(task: Task) -> dict[str, str]:
    """Return the row of a task, by column; the last three are for the annotator."""
    row, suggestion = task.row, task.suggestion
    values = {
        "id": row.id,
        "text": row.text,
        "party": row.party,
        "mentions": "; ".join(f"{m.surface} [{m.start}-{m.end}]" for m in row.mentions),
        "suggestion": suggestion.label if suggestion else "",
        "suggested_by": suggestion.source if suggestion else "",
    }
    return values | dict.fromkeys(COLUMNS[len(values) :], "")


def answers(path: Path, findings: Findings) -> Iterator[Answer]:
    """Yield the rows with a label. Who has not filled in `annotator` is called by the file's name.

    Raises:
        InputError: the file cannot be read, or a needed column is missing.
    """
    need_suffix(path, *_SUFFIXES)
    records = workbooks.read(path) if path.suffix.lower() == ".xlsx" else _read_csv(path)
    _, header = next(records, (1, []))
    names = [name.strip().lower() for name in header]
    if missing := [name for name in _NEEDED if name not in names]:
        raise InputError(path, f"no column {missing[0]!r}; the first row names the columns", 1)
    for line, values in records:
        if len(values) > len(names):
            raise InputError(path, "more cells than the header has", line)
        yield from _answer(path, line, dict(zip(names, map(rearm_formula, values), strict=False)), findings)


def _answer(path: Path, line: int, row: dict[str, str], findings: Findings) -> Iterator[Answer]:
    label = row.get("label", "").strip().lower()
    if not label:
        findings.counts["tasks without an answer"] += 1
        return
    annotator, holder = (row.get(name, "").strip() for name in ("annotator", "holder"))
    yield Answer(
        f"{path}:{line}", row.get("id", ""), annotator or path.stem, label, holder, row.get("text", "")
    )


def _read_csv(path: Path) -> Iterator[tuple[int, Sequence[str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            delimiter = max(_DELIMITERS, key=stream.readline().count)
            stream.seek(0)
            yield from csv_records(path, stream, delimiter)
    except UnicodeDecodeError:
        raise InputError(path, "not UTF-8: in Excel, save as 'CSV UTF-8' or as .xlsx") from None
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}") from None
