"""Lines of JSON to and from other tools; a bad one is named and the next is read."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from partystance.errors import InputError
from partystance.exchange.merge import Findings
from partystance.tables import write_rows

Record = TypeVar("Record", bound=BaseModel)


def need_suffix(path: Path, *suffixes: str) -> None:
    """Raise `InputError` unless the file has one of some suffixes."""
    if path.suffix.lower() not in suffixes:
        raise InputError(path, f"this tool takes {' or '.join(suffixes)}, not {path.suffix!r}")


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a `.jsonl` file of rows with the same fields. Raises `InputError` for another suffix."""
    need_suffix(path, ".jsonl")
    write_rows(path, rows)


def first_error(error: ValidationError) -> str:
    """Return what is wrong with a record: the field and the first complaint about it."""
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first["loc"] else first["msg"]


def read_lines(path: Path, kind: type[Record], findings: Findings) -> Iterator[tuple[str, Record]]:
    """Yield the place and the record of every line of a JSONL file; a line that is none is a finding.

    Raises:
        InputError: the file cannot be read, or is not UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig") as stream:
            for number, line in enumerate(stream, start=1):
                place = f"{path}:{number}"
                try:
                    if line.strip():
                        yield place, kind.model_validate_json(line)
                except ValidationError as error:
                    findings.refuse(place, "", "", f"not one of our tasks: {first_error(error)}")
    except UnicodeDecodeError as error:
        raise InputError(path, f"not UTF-8 (byte {error.start}); export it again as UTF-8") from None
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}") from None
