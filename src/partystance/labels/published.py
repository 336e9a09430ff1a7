"""What readers of published corpora share: numbered lines, checked fields, targets found in their text.

Readers raise `ValueError` for a bad value and wrap the work on a record in `placed_at`, which names the
place.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from partystance.errors import InputError
from partystance.schema import Example, Mention
from partystance.tables import csv_records

NOT_NAMED = "target that its text does not name"
"""Why a label gives no row: a row needs a mention."""


@contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    """Open a UTF-8 file; lines end at `\\n` alone. Raises `InputError` when it cannot be read."""
    try:
        with path.open(encoding="utf-8-sig", newline="\n") as stream:
            yield stream
    except OSError as error:
        raise InputError(path, f"cannot read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(path, "not UTF-8; save the file as UTF-8") from None


@contextmanager
def placed_at(path: Path, place: int | str) -> Iterator[None]:
    """Turn a `ValueError` into an `InputError` of a line, or of what else tells records apart (`item 3`)."""
    try:
        yield
    except ValueError as error:
        if isinstance(place, int):
            raise InputError(path, str(error), place) from None
        raise InputError(path, f"{place}: {error}") from None


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank, without their ends, numbered from 1. Raises as `opened`."""
    with opened(path) as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                yield number, line.rstrip("\r\n")


def json_lines(path: Path) -> Iterator[tuple[int, Any]]:
    """Yield the values of a JSONL file with their lines. Raises as `opened`, or for a line of no JSON."""
    for number, line in numbered_lines(path):
        yield number, _parsed(path, line, number)


def json_file(path: Path) -> Any:
    """Return what a JSON file holds. Raises as `opened`, or when it is no JSON."""
    with opened(path) as stream:
        text = stream.read()
    return _parsed(path, text)


def _parsed(path: Path, text: str, line: int | None = None) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = line or error.lineno
        raise InputError(path, f"not JSON: {error.msg} (column {error.colno})", where) from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; nested too deep
        raise InputError(path, f"not JSON: {error}", line) from None


def quoted_cells(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield a table whose cells may be in quotes, record by record, with lines. Raises as `opened`."""
    with opened(path) as stream:
        yield from csv_records(path, stream, delimiter)


def bare_cells(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield a tab-separated table in which a quote is a quote, as `quoted_cells`."""
    return ((number, line.split("\t")) for number, line in numbered_lines(path))


def by_column(
    path: Path, records: Iterator[tuple[int, list[str]]], needed: Sequence[str]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the records of a table by the names in its header.

    Raises:
        InputError: the header lacks a needed column, or a record has more or fewer cells than the header.
    """
    line, header = next(records, (1, []))
    for column in needed:
        if column not in header:
            raise InputError(path, f"no column {column!r}, only {', '.join(header)[:200] or 'nothing'}", line)
    for line, cells in records:
        if len(cells) != len(header):
            raise InputError(path, f"{len(cells)} cells, but {len(header)} columns", line)
        yield line, dict(zip(header, cells, strict=True))


def field(row: Any, name: str, *kinds: type) -> Any:
    """Return a field of a JSON object. Raises `ValueError` when it is missing or of no such type."""
    if not isinstance(row, dict):
        raise ValueError(f"{row!r:.80} is no object with a field {name!r}")
    if name not in row:
        raise ValueError(f"field {name!r} is missing")
    if type(row[name]) not in kinds:  # not isinstance: true is no number
        raise ValueError(f"field {name!r} is {row[name]!r:.80}, not {kinds[0].__name__}")
    return row[name]


def whole_number(row: Mapping[str, str], column: str) -> int:
    """Return a cell as a number. Raises `ValueError` naming column and value."""
    if not re.fullmatch(r"\d{1,9}", row[column]):
        raise ValueError(f"{column} {row[column]!r:.80} is not a whole number")
    return int(row[column])


def stance(value: Any, stances: Mapping[Any, str], name: str) -> str:
    """Return the stance that a label of the corpus stands for. Raises `ValueError` for an unknown label."""
    if value not in stances:
        raise ValueError(f"{name} {value!r:.80} is not one of {', '.join(map(str, stances))}")
    return stances[value]


def at_offsets(text: str, surface: str, start: int, end: int, counts: Counter[str]) -> Mention | None:
    """Return the mention at its offsets, else where its words stand if they stand in one place, else None."""
    if surface and start >= 0 and text.startswith(surface, start) and end == start + len(surface):
        return Mention(start, end, surface)
    places = [found.start() for found in _whole_words(surface).finditer(text)] if surface else []
    if len(places) != 1:
        counts["mention not at its offsets and not found elsewhere without doubt"] += 1
        return None
    counts["offsets mended"] += 1
    return Mention(places[0], places[0] + len(surface), surface)


def named(text: str, name: str) -> tuple[Mention, ...]:
    """Return everywhere a text has a name as whole words.

    Names of several words are found in any case, single words in their own: "us" is not "US".
    """
    words = name.split()
    if not words:
        return ()
    pattern = _whole_words(" ".join(words), re.IGNORECASE if len(words) > 1 else 0)
    return tuple(Mention(found.start(), found.end(), found[0]) for found in pattern.finditer(text))


def _whole_words(words: str, flags: int = 0) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(words)}(?!\w)", flags)


def lone_row(name: str, text: str, mention: Mention, label: str, group: str = "") -> Example:
    """Return the row of a sentence of an unknown article; its id, `corpus:...`, stands for that."""
    return Example(
        id=name,
        doc_id=name,
        text=text,
        party=mention.surface,
        mentions=(mention,),
        label=label,
        label_source=name.partition(":")[0],
        group=group,
    )


def once_each(rows: Iterable[Example], counts: Counter[str]) -> Iterator[Example]:
    """Yield one row a text and target: the first, or none when their labels differ; count the others."""
    same: dict[tuple[str, tuple[Mention, ...]], list[Example]] = defaultdict(list)
    for row in rows:
        same[row.text, row.mentions].append(row)
    for first, *others in same.values():
        if all(other.label == first.label for other in others):
            counts["same target again"] += len(others)
            yield first
        else:
            counts["same target with different polarities"] += 1 + len(others)
