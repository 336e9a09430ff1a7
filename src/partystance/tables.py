"""Tables of rows in JSONL, CSV and Parquet: the same fields in all three, streaming, written atomically.

Nested fields (`mentions`, `annotations`, `phenomena`) are lists in Parquet and JSON text in CSV. In CSV, text
that a spreadsheet would run as a formula gets an apostrophe in front (OWASP, "CSV Injection"); reading takes
it off, so that offsets stay right.
"""

import csv
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain, islice
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TextIO

from partystance.errors import InputError, needs_extra
from partystance.files import staged
from partystance.schema import ROW_FIELDS, Example

FORMATS = (".csv", ".jsonl", ".parquet")

Kind = Literal["text", "a number", "a whole number", "true or false", "a list"]

_KINDS: dict[str, Kind] = {
    "sentence_index": "a whole number",
    "sentence_start": "a whole number",
    "sentence_end": "a whole number",
    "mentions": "a list",
    "annotations": "a list",
    "phenomena": "a list",
    "mixed": "true or false",
    "truncated": "true or false",
}
"""Fields that are not text; beside these, `p_...` are probabilities."""

ROWS_A_GROUP = 8192
"""Rows that are written, and read, together."""

_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")  # the wide ones run in Japanese and Chinese settings
_ESCAPED = re.compile(rf"'{_FORMULA.pattern}")


def field_kind(name: str) -> Kind:
    """Return what kind of value a field has, by its name; what is not known is text."""
    return _KINDS.get(name, "a number" if name.startswith("p_") else "text")


def read_rows(path: Path | str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table as plain values; class labels that `datasets` numbered come back as names.

    Raises:
        InputError: no such file, an unknown suffix, or a record that cannot be read, with its line.
    """
    for _, row in _numbered_rows(Path(path)):
        if isinstance(row, InputError):
            raise row
        yield row


def read_examples(path: Path | str) -> Iterator[Example]:
    """Yield the rows of a table as checked `Example`s.

    Raises:
        InputError: as `read_rows`; or a row breaks a rule of `Example`.
    """
    for _, example in numbered_examples(path):
        if isinstance(example, InputError):
            raise example
        yield example


def numbered_examples(path: Path | str) -> Iterator[tuple[int, Example | InputError]]:
    """Yield every row's line (in Parquet its number, from 1), and the row or what is wrong with it.

    Raises:
        InputError: no such file, an unknown suffix, or not a table of its kind.
    """
    source = Path(path)
    for line, row in _numbered_rows(source):
        try:
            yield line, row if isinstance(row, InputError) else Example.from_row(row)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            yield line, InputError(source, f"not a row of a dataset: {error}", line)


_Records = Iterator[tuple[int, dict[str, Any] | InputError]]
"""Lines, and the row or why it cannot be read."""


def _numbered_rows(path: Path) -> _Records:
    readers: dict[str, Callable[[Path], _Records]] = {
        ".csv": _read_csv,
        ".jsonl": _read_jsonl,
        ".parquet": _read_parquet,
    }
    check_format(path)
    if not path.is_file():
        raise InputError(path, "no such file")
    try:
        yield from readers[path.suffix.lower()](path)
    except InputError as error:
        if error.line is None:
            raise
        yield error.line, error
    except UnicodeDecodeError as error:
        raise InputError(path, f"not UTF-8 (byte {error.start}); save the file as UTF-8") from None
    except OSError as error:
        raise InputError(path, f"cannot be read: {str(error).splitlines()[0]}") from None


def check_format(path: Path) -> None:
    """Raise `InputError` unless the suffix is one of `FORMATS`."""
    if path.suffix.lower() not in FORMATS:
        raise InputError(path, f"unknown kind of table {path.suffix!r}; use one of {', '.join(FORMATS)}")


def _read_jsonl(path: Path) -> _Records:
    with path.open(encoding="utf-8-sig") as stream:
        for line, text in enumerate(stream, start=1):
            if text.strip():
                yield line, _from_json(path, line, text)


def _from_json(path: Path, line: int, text: str) -> dict[str, Any] | InputError:
    try:
        row = json.loads(text)
    except (ValueError, RecursionError) as error:
        return InputError(path, f"not valid JSON: {error}", line)
    if not isinstance(row, dict):
        return InputError(path, f"a row is a JSON object, not {type(row).__name__}", line)
    return row


def _read_csv(path: Path) -> _Records:
    csv.field_size_limit(sys.maxsize)
    with path.open(encoding="utf-8-sig", newline="") as stream:
        records = csv_records(path, stream)
        _, header = next(records, (1, []))
        for line, cells in records:
            if len(cells) != len(header):
                yield line, InputError(path, "more or fewer cells than the header has", line)
                continue
            try:
                yield line, {name: _from_cell(name, cell) for name, cell in zip(header, cells, strict=True)}
            except ValueError as error:
                yield line, InputError(path, str(error), line)


def csv_records(path: Path, stream: TextIO, delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """Yield the records that are not blank, with their first line; `InputError` where the CSV is broken."""
    reader, line = csv.reader(stream, strict=True, delimiter=delimiter), 1
    try:
        for cells in reader:
            if cells:
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise InputError(path, f"not valid CSV: {error}; the rest is not read", line) from None


def _from_cell(name: str, cell: str) -> Any:
    """The value of a CSV cell. Raises `ValueError` naming column and value."""
    kind = field_kind(name)
    if kind == "text":
        return rearm_formula(cell)
    if not cell:
        return None
    try:
        return _PARSERS[kind](cell)
    except (ValueError, KeyError):
        raise ValueError(f"column {name!r}: {cell[:80]!r} is not {kind}") from None


_PARSERS: dict[Kind, Callable[[str], Any]] = {
    "a list": json.loads,
    "true or false": lambda cell: {"true": True, "false": False}[cell.lower()],
    "a whole number": int,
    "a number": float,
}


def _read_parquet(path: Path) -> _Records:
    with needs_extra("formats", "Parquet"):
        from partystance.parquet import read_parquet
    yield from enumerate(read_parquet(path), start=1)


Rows = Sequence[Mapping[str, Any]]


@contextmanager
def _write_jsonl(path: Path, fields: Sequence[str]) -> Iterator[Callable[[Rows], None]]:
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        yield lambda rows: stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


@contextmanager
def _write_csv(path: Path, fields: Sequence[str]) -> Iterator[Callable[[Rows], None]]:
    with path.open("w", encoding="utf-8-sig", newline="") as stream:  # the mark tells Excel that it is UTF-8
        # Texts are quoted, all of them: by itself the module leaves a lone carriage return bare.
        writer = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
        writer.writerow(fields)
        yield lambda rows: writer.writerows([_to_cell(value) for value in row.values()] for row in rows)


@contextmanager
def _write_parquet(path: Path, fields: Sequence[str]) -> Iterator[Callable[[Rows], None]]:
    with needs_extra("formats", "Parquet"):
        from partystance.parquet import parquet_writer
    with parquet_writer(path, fields) as write:
        yield write


_WRITERS = {".csv": _write_csv, ".jsonl": _write_jsonl, ".parquet": _write_parquet}


def _to_cell(value: Any) -> Any:
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    return disarm_formula(value) if isinstance(value, str) else value


def disarm_formula(text: str) -> str:
    """Put an apostrophe in front of a text that a spreadsheet would run; `rearm_formula` takes it off."""
    return f"'{text}" if _FORMULA.match(text) else text


def rearm_formula(cell: str) -> str:
    """Return the text that `disarm_formula` made this cell of."""
    return cell[1:] if _ESCAPED.match(cell) else cell


class RowWriter:
    """Writes rows one by one to a table; the file appears, whole, when the block ends well.

    Args:
        path: `.jsonl`, `.csv` or `.parquet`.
        fields: the columns, in order; a row must have exactly these.

    Raises:
        InputError: an unknown suffix.
    """

    def __init__(self, path: Path | str, fields: Sequence[str]) -> None:
        self.path, self.fields = Path(path), tuple(fields)
        check_format(self.path)
        self._waiting: list[Mapping[str, Any]] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        temporary = self._stack.enter_context(staged(self.path))
        open_table = _WRITERS[self.path.suffix.lower()]
        self._write = self._stack.enter_context(open_table(temporary, self.fields))
        return self

    def write(self, row: Mapping[str, Any]) -> None:
        """Add a row of plain values. Raises `ValueError` when its fields are not the table's."""
        if tuple(row) != self.fields:
            raise ValueError(
                f"{self.path}: a row has the fields {', '.join(row)}, not {', '.join(self.fields)}"
            )
        self._waiting.append(row)
        if len(self._waiting) >= ROWS_A_GROUP:
            self._flush()

    def _flush(self) -> None:
        self._write(self._waiting)
        self._waiting = []

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._stack.__exit__(kind, error, trace)  # throws away what was written
            return
        with self._stack:  # closes the table, then moves it into place
            self._flush()


def write_rows(path: Path | str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a whole table at once, with the columns of its first row (or of `Example` when there is none)."""
    waiting = iter(rows)
    first = list(islice(waiting, 1))
    with RowWriter(path, tuple(first[0]) if first else ROW_FIELDS) as writer:
        for row in chain(first, waiting):
            writer.write(row)
