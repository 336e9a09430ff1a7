"""Labelled files as they are, mistakes included: what `partystance check` looks at.

Other readers stop at the first broken row. This one keeps it, with its file and line, and reads on.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from partystance.errors import InputError
from partystance.labels.corpora import READERS, Format
from partystance.schema import Example
from partystance.tables import numbered_examples


@dataclass(frozen=True, slots=True)
class LabelledRow:
    """A row and where it stands: `file:line`, or in a corpus `file id`. Its `split` is never empty."""

    example: Example
    place: str


@dataclass(frozen=True, slots=True)
class LabelledFile:
    """A file's rows, its broken ones, and what a corpus reader left out or mended, by reason."""

    path: Path
    rows: tuple[LabelledRow, ...]
    broken: tuple[InputError, ...] = ()
    repairs: Counter[str] | None = None


def read_labelled(path: Path, kind: Format = Format.ROWS) -> LabelledFile:
    """Read a labelled file; rows that do not say their split belong to one with the file's name.

    Raises:
        InputError: the file cannot be read at all, or a corpus has a line of another format.
    """
    if kind == Format.ROWS:
        return _read_rows(path)
    repairs: Counter[str] = Counter()
    return LabelledFile(path, _placed(path, READERS[kind](path, repairs)), repairs=+repairs)


def _read_rows(path: Path) -> LabelledFile:
    rows: list[LabelledRow] = []
    broken: list[InputError] = []
    for line, row in numbered_examples(path):
        if isinstance(row, InputError):
            broken.append(row)
        elif empty := [name for name in ("id", "party") if not getattr(row, name)]:
            broken.append(InputError(path, f"row {row.id!r}: field {empty[0]!r} is empty", line))
        else:
            rows.append(LabelledRow(_with_split(row, path), f"{path}:{line}"))
    return LabelledFile(path, tuple(rows), tuple(broken))


def _placed(path: Path, examples: Iterable[Example]) -> tuple[LabelledRow, ...]:
    return tuple(LabelledRow(_with_split(row, path), f"{path} {row.id}") for row in examples)


def _with_split(example: Example, path: Path) -> Example:
    return replace(example, split=example.split or path.stem)
