"""Articles in: .txt, saved .html, .jsonl, .csv, .tsv and .parquet; one at a time, nothing lost in silence.

What cannot be used is either an error that names file, line and remedy (`strict`), or skipped and counted:
records seen are always articles plus skipped. Text is left exactly as it is, since offsets count in it.
"""

import csv
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from partystance.errors import InputError, PartystanceError, did_you_mean
from partystance.schema import Article

FIELDS = ("doc_id", "text", "title", "outlet", "date", "url")
"""What a column can be mapped to; without a mapping a column of the same name is taken."""

MAX_BYTES = 10_000_000
"""The largest article. The longest novels have 5 MB: what is larger is not an article but a mistake."""

STDIN = "-"
_PROBLEMS_KEPT = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """A record that is not an article, and why. `line` is None where a whole file is meant."""

    path: str
    reason: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class _File:
    """A file to read, the name its articles go by, and the columns asked for."""

    path: Path
    name: str
    columns: Mapping[str, str]

    def column(self, field: str) -> str:
        return self.columns.get(field, field)

    def article(self, values: Mapping[str, Any], line: int) -> Article | Problem:
        """Make an article of one record of a table."""
        found = {field: values.get(self.column(field)) for field in FIELDS}
        text = found["text"]
        if text is None:
            return self.problem(f"no field {self.column('text')!r}", line)
        if not isinstance(text, str):
            return self.problem(f"field {self.column('text')!r} is {type(text).__name__}, not text", line)
        if not text.strip():
            return self.problem("empty text", line)
        if len(text) > MAX_BYTES:
            return self.problem(_TOO_LARGE, line)
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            return self.problem(_NOT_UTF8, line)
        others = {field: "" if value is None else str(value) for field, value in found.items()}
        doc_id = others["doc_id"] or str(values.get("id") or "") or f"{self.name}:{line}"
        return Article(**others | {"doc_id": doc_id, "source": f"{self.path}:{line}"})

    def problem(self, reason: str, line: int | None = None) -> Problem:
        return Problem(str(self.path), reason, line)


_TOO_LARGE = f"larger than {MAX_BYTES // 1_000_000} MB; split it into articles"
_NOT_UTF8 = "not UTF-8; save it as UTF-8, e.g. iconv -f LATIN1 -t UTF-8"

Records = Iterator[Article | Problem]


class ArticleReader:
    """The articles of some inputs, read as they are asked for, with a count of everything skipped.

    Attributes:
        files: the files found, in the order they are read (standard input is not among them).
        articles: how many were yielded so far.
        skipped: how many records were skipped so far, by reason.
        problems: the first of those, with file and line.
    """

    def __init__(self, inputs: Sequence[Path | str], columns: Mapping[str, str], strict: bool) -> None:
        self._strict, self._columns, self._stdin = strict, columns, STDIN in map(str, inputs)
        self.articles, self.skipped = 0, Counter[str]()
        self.problems: list[Problem] = []
        self.files = list(
            dict.fromkeys(path for name in inputs if str(name) != STDIN for path in _expand(name))
        )

    def __iter__(self) -> Iterator[Article]:
        """Yield every article.

        Raises:
            InputError: with `strict` at the first record that is no article; at the end when there was none.
        """
        self.articles, self.problems = 0, []
        self.skipped.clear()
        for record in self._records():
            if isinstance(record, Article):
                self.articles += 1
                yield record
            elif self._strict:
                raise InputError(record.path, record.reason, record.line)
            else:
                self.skipped[record.reason] += 1
                self.problems += [record][: _PROBLEMS_KEPT - len(self.problems)]
        if not self.articles and self.problems:
            first = self.problems[0]
            raise InputError(first.path, f"{first.reason} (and no article anywhere else)", first.line)

    def _records(self) -> Records:
        names = Counter(path.stem for path in self.files)
        for path in self.files:
            name = path.stem if names[path.stem] == 1 else path.with_suffix("").as_posix()
            yield from _READERS.get(path.suffix.lower(), _read_unknown)(_File(path, name, self._columns))
        if self._stdin:
            yield from _read_stdin(_File(Path("stdin"), "stdin", self._columns))

    def summary(self) -> str:
        """Say in a line what was read and what was skipped, and why."""
        reasons = "; ".join(f"{n} x {reason}" for reason, n in self.skipped.most_common())
        plural = "article" if self.articles == 1 else "articles"
        return f"{self.articles} {plural}" + (
            f", {self.skipped.total()} skipped ({reasons})" if reasons else ""
        )


def read_articles(
    inputs: Sequence[Path | str], *, columns: Mapping[str, str] | None = None, strict: bool = False
) -> ArticleReader:
    """Find the articles of files, folders, globs and `-` (standard input: JSONL, or one plain text).

    Args:
        inputs: a folder is searched through and through for files of known kinds. Of a `.txt` the first line
            is the title; of a saved web page the title and body are taken, without menus.
        columns: field -> column of tables, e.g. `{"text": "body"}`; fields are `FIELDS`.
        strict: stop at the first unusable record.

    Raises:
        InputError: an input that does not exist, holds no file of a known kind, or lacks its text column.
        PartystanceError: `columns` names an unknown field.
    """
    for field in columns or {}:
        if field not in FIELDS:
            raise PartystanceError(
                f"unknown field {field!r} in the column mapping{did_you_mean(field, FIELDS)}"
            )
    return ArticleReader(inputs, columns or {}, strict)


def _expand(given: Path | str) -> Iterator[Path]:
    """The files an input stands for, sorted."""
    path = Path(given)
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.suffix.lower() in _READERS and file.is_file())
        if not found:
            raise InputError(path, f"no articles in this folder (known: {', '.join(_READERS)})")
        yield from found
    elif path.exists():
        if path.suffix.lower() not in _READERS:
            raise InputError(path, f"unknown kind of file {path.suffix!r} (known: {', '.join(_READERS)})")
        yield path
    elif has_magic(str(given)) and (matches := _glob(str(given))):
        yield from matches
    else:
        raise InputError(path, "no such file, folder or glob")


def _glob(pattern: str) -> list[Path]:
    matches = sorted(glob(pattern, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
    return [Path(match) for match in matches if Path(match).is_file()]


def _read_unknown(file: _File) -> Records:
    yield file.problem(f"unknown kind of file {file.path.suffix!r}")


def _whole(file: _File) -> bytes | Problem:
    """The content of a file that is one article."""
    try:
        if file.path.stat().st_size > MAX_BYTES:
            return file.problem(_TOO_LARGE)
        return file.path.read_bytes() or file.problem("empty file")
    except OSError as error:
        return file.problem(f"cannot be read: {error.strerror}")


def _read_text(file: _File) -> Records:
    content = _whole(file)
    yield content if isinstance(content, Problem) else _plain(file, content)


def _plain(file: _File, content: bytes) -> Article | Problem:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return file.problem(_NOT_UTF8)
    if "\0" in text:
        return file.problem("holds NUL bytes; is it a text file?")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return file.problem("empty file")
    return Article(file.name, text, title=lines[0], source=str(file.path))


def _read_html(file: _File) -> Records:
    content = _whole(file)
    if isinstance(content, Problem):
        yield content
        return
    from trafilatura import bare_extraction  # a second to import, for web pages alone

    page = bare_extraction(content, with_metadata=True)
    if page is None or isinstance(page, dict) or not (page.text or "").strip():
        yield file.problem("no article text found in this page")
        return
    title, body = (page.title or "").strip(), str(page.text)
    body = body.removeprefix(title).lstrip()  # many pages repeat the title as their first heading
    text = f"{title}\n\n{body}" if title else body
    yield Article(
        file.name, text, title, page.sitename or "", page.date or "", page.url or "", source=str(file.path)
    )


def _read_jsonl(file: _File) -> Records:
    with file.path.open("rb") as stream:
        yield from _json_lines(file, stream)


def _json_lines(file: _File, stream: BinaryIO, start: bytes = b"", blank_lines: int = 0) -> Records:
    """Records of JSON lines, of which `blank_lines` and then `start` were read already."""
    number, empty = blank_lines, True
    while raw := start or stream.readline(MAX_BYTES + 1):
        start, number = b"", number + 1
        if len(raw) > MAX_BYTES:
            while len(raw) > MAX_BYTES and not raw.endswith(b"\n"):
                raw = stream.readline(MAX_BYTES + 1)
            yield file.problem(_TOO_LARGE, number)
        elif raw.strip():
            yield _json_record(file, raw.removeprefix(b"\xef\xbb\xbf"), number)
        else:
            continue
        empty = False
    if empty:
        yield file.problem("empty file")


def _json_record(file: _File, raw: bytes, line: int) -> Article | Problem:
    try:
        values = json.loads(raw)
    except UnicodeDecodeError:
        return file.problem(_NOT_UTF8, line)
    except (ValueError, RecursionError):
        return file.problem("not valid JSON", line)
    if not isinstance(values, dict):
        return file.problem("not a JSON object", line)
    return file.article(values, line)


def _read_csv(file: _File) -> Records:
    csv.field_size_limit(MAX_BYTES)
    delimiter = "\t" if file.path.suffix.lower() == ".tsv" else ","
    # Bytes that are no UTF-8 become lone surrogates, so that one bad record does not cost the rest.
    with file.path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
        reader = csv.reader(stream, delimiter=delimiter, strict=True)
        header = _next_record(reader)
        if not isinstance(header, list) or not header:
            yield file.problem("empty file" if header is None else "the header is not valid CSV")
            return
        _check_columns(file, header)
        while (cells := _next_record(reader)) is not None:
            if isinstance(cells, csv.Error):
                yield file.problem(f"not valid CSV: {cells}", reader.line_num)
            elif len(cells) == len(header):
                yield file.article(dict(zip(header, cells, strict=True)), reader.line_num)
            elif cells:
                yield file.problem("more or fewer cells than the header has", reader.line_num)


def _next_record(reader: Iterator[list[str]]) -> list[str] | csv.Error | None:
    try:
        return next(reader, None)
    except csv.Error as error:
        return error


def _check_columns(file: _File, names: Sequence[str]) -> None:
    """Raise `InputError` unless the text column, and every column asked for, is there."""
    for field in ("text", *file.columns):
        column = file.column(field)
        if column not in names:
            hint = did_you_mean(column, tuple(names))
            raise InputError(file.path, f"no column {column!r}{hint}; say --column {field}=NAME")


def _read_parquet(file: _File) -> Records:
    try:
        with pq.ParquetFile(file.path) as table:
            names = table.schema_arrow.names
            _check_columns(file, names)
            wanted = [name for name in names if name == "id" or name in {file.column(f) for f in FIELDS}]
            line = 0
            for batch in table.iter_batches(256, columns=wanted):
                for values in batch.to_pylist():
                    line += 1
                    yield file.article(values, line)
    except (pa.ArrowException, OSError) as error:
        yield file.problem(f"not a readable Parquet file: {str(error).splitlines()[0]}")


def _read_stdin(file: _File) -> Records:
    stream, blank_lines = sys.stdin.buffer, 0
    start = stream.readline(MAX_BYTES + 1)
    while start and not start.strip():
        start, blank_lines = stream.readline(MAX_BYTES + 1), blank_lines + 1
    if start.lstrip().startswith(b"{"):
        yield from _json_lines(file, stream, start, blank_lines)
        return
    content = start + stream.read(MAX_BYTES)
    yield file.problem(_TOO_LARGE) if len(content) > MAX_BYTES else _plain(file, content)


_READERS: dict[str, Callable[[_File], Records]] = {
    ".txt": _read_text,
    ".html": _read_html,
    ".htm": _read_html,
    ".jsonl": _read_jsonl,
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".parquet": _read_parquet,
}
