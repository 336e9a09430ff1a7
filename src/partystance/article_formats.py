"""What one file of articles holds, by its kind: each record is an `Article`, or a `Problem` saying why not.

Memory is bounded by `MAX_BYTES`, whatever the file: lines, cells and batches are read one at a time, and what
is longer is passed over. `articles` finds the files, counts, and decides what a problem costs.
"""

import csv
import gzip
import json
import re
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO, cast

from partystance.errors import InputError, did_you_mean, needs_extra
from partystance.schema import Article

if TYPE_CHECKING:
    from pyarrow import RecordBatch

FIELDS = ("doc_id", "text", "title", "outlet", "date", "url")
"""What a column can be mapped to; without a mapping a column of the same name is taken."""

MAX_BYTES = 10_000_000
"""The largest article. The longest novels have 5 MB: what is larger is not an article but a mistake."""

_TOO_LARGE = f"larger than {MAX_BYTES // 1_000_000} MB; split it into articles"
_NOT_UTF8 = "not UTF-8; save it as UTF-8, e.g. iconv -f LATIN1 -t UTF-8"
_NUL = "holds NUL bytes; is it UTF-8 text?"
_BOM = b"\xef\xbb\xbf"
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Problem:
    """A record that is not an article, and why. `line` is None where a whole file is meant.

    `reason` is one of a few, so that problems can be counted by it; `hint` is about this record alone.
    """

    path: str
    reason: str
    line: int | None = None
    hint: str = ""

    def error(self, addition: str = "") -> InputError:
        """Return the error that says it."""
        return InputError(self.path, f"{self.reason}{self.hint}{addition}", self.line)


Records = Iterator[Article | Problem]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to read, the name its articles go by, and the columns asked for (field -> column)."""

    path: Path
    name: str
    columns: Mapping[str, str]

    def column(self, field: str) -> str:
        """Return the column that holds a field."""
        return self.columns.get(field, field)

    def article(self, values: Mapping[str, Any], line: int) -> Article | Problem:
        """Make an article of one record of a table."""
        column = self.column("text")
        text = values.get(column)
        if text is None:
            hint = "" if column in values else did_you_mean(column, tuple(values))
            return self.problem(f"no field {column!r}", line, hint)
        if not isinstance(text, str):
            return self.problem(f"field {column!r} is {type(text).__name__}, not text", line)
        found = {field: _as_text(values.get(self.column(field))) for field in FIELDS}
        if flaw := _flaw(text) or next(filter(None, map(_flaw, found.values())), ""):
            return self.problem(flaw, line)
        found["doc_id"] = found["doc_id"] or _as_text(values.get("id")) or f"{self.name}:{line}"
        return (
            Article(**found, source=f"{self.path}:{line}")
            if text.strip()
            else self.problem("empty text", line)
        )

    def problem(self, reason: str, line: int | None = None, hint: str = "") -> Problem:
        """Return a problem of this file."""
        return Problem(str(self.path), reason, line, hint)


def _as_text(value: Any) -> str:
    return "" if value is None else str(value)


def _flaw(text: str) -> str:
    """Why a text cannot be worked with: too large, NUL, or bytes that were no UTF-8; '' when it can."""
    if len(text) > MAX_BYTES:
        return _TOO_LARGE
    if not text.isascii() and _SURROGATE.search(text):
        return _NOT_UTF8
    return _NUL if "\0" in text else ""


def kind_of(path: Path) -> str:
    """Return the suffix that says how a file is read: `.txt`, or `.jsonl.gz` of a packed file."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return "".join(suffixes[-2:] if suffixes[-1:] == [".gz"] else suffixes[-1:])


def read_records(file: SourceFile) -> Records:
    """Yield what a file holds.

    Raises:
        InputError: a table lacks its text column, or one that was asked for.
    """
    if _SURROGATE.search(str(file.path)):
        yield Problem(ascii(str(file.path)), "the name of the file is not UTF-8; rename it")
        return
    try:
        yield from READERS.get(kind_of(file.path), _read_unknown)(file)
    except (OSError, EOFError, zlib.error) as error:
        cause = getattr(error, "strerror", None) or str(error)
        yield file.problem(f"cannot be read to its end: {cause}")


def _read_unknown(file: SourceFile) -> Records:
    yield file.problem(f"unknown kind of file {file.path.suffix!r}")


def _whole(file: SourceFile) -> bytes | Problem:
    """The content of a file that is one article."""
    if file.path.stat().st_size > MAX_BYTES:
        return file.problem(_TOO_LARGE)
    return file.path.read_bytes() or file.problem("empty file")


def _read_text(file: SourceFile) -> Records:
    content = _whole(file)
    yield content if isinstance(content, Problem) else _plain(file, content)


def _plain(file: SourceFile, content: bytes) -> Article | Problem:
    text = content.decode("utf-8-sig", errors="surrogateescape")
    if flaw := _flaw(text):
        return file.problem(flaw)
    title = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return Article(file.name, text, title, source=str(file.path)) if title else file.problem("empty file")


def _read_html(file: SourceFile) -> Records:
    content = _whole(file)
    if isinstance(content, Problem):
        yield content
        return
    with needs_extra("formats", f"{file.path}: a web page"):
        from trafilatura import bare_extraction

    page = bare_extraction(content, with_metadata=True)
    if page is None or isinstance(page, dict) or not (page.text or "").strip():
        yield file.problem("no article text found in this page")
        return
    title, body = (page.title or "").strip(), str(page.text)
    first, _, rest = body.partition("\n")
    if first.strip() == title:  # many pages repeat the title as their first heading
        body = rest.lstrip()
    text = f"{title}\n\n{body}" if title else body
    yield Article(
        file.name, text, title, page.sitename or "", page.date or "", page.url or "", source=str(file.path)
    )


def _open(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb"))


def _read_jsonl(file: SourceFile) -> Records:
    with _open(file.path) as stream:
        yield from _json_lines(file, stream)


def _json_lines(file: SourceFile, stream: BinaryIO, start: bytes = b"", blank_lines: int = 0) -> Records:
    """Records of JSON lines, of which `blank_lines` and then `start` were read already."""
    number, empty = blank_lines, True
    while raw := start or stream.readline(MAX_BYTES + 1):
        start, number = b"", number + 1
        if len(raw) > MAX_BYTES:
            while len(raw) > MAX_BYTES and not raw.endswith(b"\n"):
                raw = stream.readline(MAX_BYTES + 1)
            yield file.problem(_TOO_LARGE, number)
        elif raw.strip():
            yield _json_record(file, raw.removeprefix(_BOM), number)
        else:
            continue
        empty = False
    if empty:
        yield file.problem("empty file")


def _json_record(file: SourceFile, raw: bytes, line: int) -> Article | Problem:
    try:
        values = json.loads(raw)
    except UnicodeDecodeError:
        return file.problem(_NOT_UTF8, line)
    except (ValueError, RecursionError):
        return file.problem("not valid JSON", line)
    if not isinstance(values, dict):
        return file.problem("not a JSON object", line)
    return file.article(values, line)


class _TooLongError(csv.Error):
    pass


class _Lines:
    """Lines of a CSV for `csv.reader`; one that is too long is passed over, and raises.

    `number` counts them; `odd_quotes` says that the last one may have left a quoted cell open.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream, self.number, self.odd_quotes = stream, 0, False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._stream.readline(MAX_BYTES + 1)
        if not line:
            raise StopIteration
        self.number += 1
        quotes = line.count('"')
        if len(line) <= MAX_BYTES:
            self.odd_quotes = quotes % 2 == 1
            return line
        while len(line) > MAX_BYTES and line[-1] not in "\r\n":
            line = self._stream.readline(MAX_BYTES + 1)
            quotes += line.count('"')
        self.odd_quotes = quotes % 2 == 1
        raise _TooLongError(_TOO_LARGE)


def _read_csv(file: SourceFile) -> Records:
    csv.field_size_limit(MAX_BYTES)
    delimiter = "\t" if kind_of(file.path).startswith(".tsv") else ","
    # Bytes that are no UTF-8 become lone surrogates, so that one bad record does not cost the rest.
    with TextIOWrapper(_open(file.path), "utf-8-sig", errors="surrogateescape", newline="") as stream:
        records = _csv_records(file, stream, delimiter)
        _, header = next(records, (1, file.problem("empty file")))
        if isinstance(header, Problem):
            yield header
        elif flaw := _flaw("".join(header)):
            yield file.problem(flaw, 1)
        else:
            _check_columns(file, header)
            yield from (_csv_article(file, header, cells, line) for line, cells in records if cells)


def _csv_records(
    file: SourceFile, stream: TextIO, delimiter: str
) -> Iterator[tuple[int, list[str] | Problem]]:
    """Records with the line they begin in.

    After an error reading goes on at the next line only if that surely begins a record; else the rest of a
    broken text would pass for articles.
    """
    lines = _Lines(stream)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        line = lines.number + 1
        try:
            yield line, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            reason = str(error) if isinstance(error, _TooLongError) else f"not valid CSV: {error}"
            if lines.number == line and not lines.odd_quotes:
                yield line, file.problem(reason, line)
                continue
            yield line, file.problem(f"{reason} (is a quote never closed? the rest is not read)", line)
            return


def _csv_article(
    file: SourceFile, header: list[str], cells: list[str] | Problem, line: int
) -> Article | Problem:
    if isinstance(cells, Problem):
        return cells
    if len(cells) != len(header):
        return file.problem("more or fewer cells than the header has", line)
    return file.article(dict(zip(header, cells, strict=True)), line)


def _check_columns(file: SourceFile, names: Sequence[str]) -> None:
    """Raise `InputError` unless the text column, and every column asked for, is there once."""
    for field in dict.fromkeys(("text", *file.columns)):
        column = file.column(field)
        if column not in names:
            hint = did_you_mean(column, tuple(names))
            raise InputError(file.path, f"no column {column!r}{hint}; say --column {field}=NAME")
        if names.count(column) > 1:
            raise InputError(file.path, f"two columns are called {column!r}; rename one")


def _read_parquet(file: SourceFile) -> Records:
    with needs_extra("formats", f"{file.path}: Parquet"):
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    line = 0
    try:
        with ParquetFile(file.path) as table:
            names = table.schema_arrow.names
            _check_columns(file, names)
            wanted = [name for name in names if name == "id" or name in {file.column(f) for f in FIELDS}]
            for batch in table.iter_batches(256, columns=wanted):
                for values in _rows(batch):
                    line += 1
                    yield file.problem(_NOT_UTF8, line) if values is None else file.article(values, line)
    except (ArrowException, OSError) as error:
        where = f" after row {line}" if line else ""
        yield file.problem("not a readable Parquet file", hint=f"{where}: {str(error).splitlines()[0]}")


def _rows(batch: "RecordBatch") -> Iterator[dict[str, Any] | None]:
    """The rows of a batch; None for one whose bytes are no UTF-8, which Arrow never checks."""
    try:
        yield from batch.to_pylist()
    except UnicodeDecodeError:
        if batch.num_rows == 1:
            yield None
        else:
            for row in range(batch.num_rows):
                yield from _rows(batch.slice(row, 1))


def read_stdin(columns: Mapping[str, str]) -> Records:
    """Yield what standard input holds: JSON lines if it begins with `{`, else one plain text."""
    file, stream, head = SourceFile(Path("stdin"), "stdin", columns), sys.stdin.buffer, b""
    start = stream.readline(MAX_BYTES + 1)
    while start and not start.strip() and len(head) <= MAX_BYTES:
        head, start = head + start, stream.readline(MAX_BYTES + 1)
    if start.removeprefix(_BOM).lstrip().startswith(b"{"):
        yield from _json_lines(file, stream, start, head.count(b"\n"))
        return
    content = head + start + stream.read(MAX_BYTES)
    yield file.problem(_TOO_LARGE) if len(content) > MAX_BYTES else _plain(file, content)


READERS: dict[str, Callable[[SourceFile], Records]] = {
    ".txt": _read_text,
    ".html": _read_html,
    ".htm": _read_html,
    ".jsonl": _read_jsonl,
    ".jsonl.gz": _read_jsonl,
    ".ndjson": _read_jsonl,
    ".ndjson.gz": _read_jsonl,
    ".csv": _read_csv,
    ".csv.gz": _read_csv,
    ".tsv": _read_csv,
    ".tsv.gz": _read_csv,
    ".parquet": _read_parquet,
}
"""How files are read, by `kind_of`."""
