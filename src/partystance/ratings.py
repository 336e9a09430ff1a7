"""What several annotators said of the same rows, read from one file or joined from several."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from partystance.errors import InputError, PartystanceError
from partystance.metrics import Indices
from partystance.schema import LABELS, Annotation, Example
from partystance.tables import read_examples

MISSING = -1
"""The class index where an annotator gave no label."""


@dataclass(frozen=True)
class Ratings:
    """Rows with everything that annotators said of them in `annotations`.

    `annotators` are their names in the order they were met, also of those who labelled none of the rows.
    """

    rows: tuple[Example, ...]
    annotators: tuple[str, ...]

    @cached_property
    def labels(self) -> Indices:
        """Class indices (rows, annotators), `MISSING` where an annotator gave no label."""
        column = {name: index for index, name in enumerate(self.annotators)}
        labels = np.full((len(self.rows), len(column)), MISSING, dtype=np.int64)
        for line, row in zip(labels, self.rows, strict=True):
            for said in row.annotations:
                line[column[said.annotator]] = LABELS.index(said.label)
        return labels

    def shared(self) -> "Ratings":
        """Return the rows that two annotators or more have labelled."""
        rows = tuple(row for row in self.rows if len(row.annotations) > 1)
        return Ratings(rows, self.annotators)


def read_ratings(files: Sequence[str]) -> Ratings:
    """Read labelled files and join rows of the same id, or else of the same text and party.

    A file whose rows have `annotations` says what these say. In another file each `label` is the word of one
    annotator, whose name is that of the file, or `anna` where it is given as `anna=path/to/file.csv`.

    Raises:
        InputError: a file cannot be read, an id stands for two sentences or parties, or an annotator gave a
            row two labels or one that is none of `LABELS`.
        PartystanceError: nobody or only one annotator labelled anything.
    """
    items = _Items()
    for argument in files:
        name, path = _named(argument)
        rows = list(read_examples(path))
        annotated = any(row.annotations for row in rows)
        if annotated and name:
            raise InputError(path, f"its rows name their annotators: give it without '{name}='")
        for row in rows:
            own = () if annotated else (Annotation(name or path.stem, row.label, row.holder),)
            items.add(row, _checked(row, own or row.annotations, path), path)
    joined = tuple(items.rows())
    names = dict.fromkeys(said.annotator for row in joined for said in row.annotations)
    if len(names) < 2:
        found = f"labelled by {next(iter(names))} alone" if names else "without a label"
        fix = "fill 'annotations', or give one file an annotator (anna=first.csv bob=second.csv)"
        raise PartystanceError(f"{', '.join(files)}: {found}: {fix}")
    return Ratings(joined, tuple(names))


def _named(argument: str) -> tuple[str, Path]:
    """The annotator ('' if not given) and the path of `file` or `annotator=file`."""
    name, sign, path = argument.partition("=")
    return (name, Path(path)) if sign and not Path(argument).exists() else ("", Path(argument))


def _checked(row: Example, annotations: Iterable[Annotation], path: Path) -> Iterator[Annotation]:
    """Those that give a label, which must be one of ours."""
    for said in annotations:
        if said.label in LABELS:
            yield said
        elif said.label:
            reason = f"label {said.label!r} of annotator {said.annotator!r} is not one of {', '.join(LABELS)}"
            raise InputError(path, f"row {row.id!r}: {reason}")


@dataclass
class _Item:
    """A row, who said what of it where, and the files it was found in."""

    row: Example
    said: dict[str, tuple[Annotation, Path]] = field(default_factory=dict)
    files: set[Path] = field(default_factory=set)


class _Items:
    """Rows joined by id, or else by text and party."""

    def __init__(self) -> None:
        self._items: list[_Item] = []
        self._by_id: dict[str, _Item] = {}
        self._by_pair: dict[tuple[str, str], list[_Item]] = defaultdict(list)

    def add(self, row: Example, annotations: Iterator[Annotation], path: Path) -> None:
        item = self._by_id.get(row.id) or self._place(row, path)
        if (item.row.text, item.row.party) != (row.text, row.party):
            others = ", ".join(sorted(map(str, item.files)))
            fix = "give different rows different ids"
            raise InputError(path, f"row {row.id!r} is another sentence or party than in {others}: {fix}")
        item.files.add(path)
        for said in annotations:
            before, where = item.said.setdefault(said.annotator, (said, path))
            if before.label != said.label:
                both = f"{said.label!r} here and {before.label!r} in {where}"
                fix = f"keep one, or name the annotators (anna={path})"
                raise InputError(path, f"row {row.id!r}: annotator {said.annotator!r} says {both}: {fix}")

    def rows(self) -> Iterator[Example]:
        for item in self._items:
            annotations = tuple(said for said, _ in item.said.values())
            row = replace(item.row, annotations=annotations)
            if annotations and not item.row.annotations:  # its label is one annotator's, and nobody's verdict
                row = replace(row, label="", holder="")
            yield row

    def _place(self, row: Example, path: Path) -> _Item:
        """The item of the same text and party that this file has not met yet, or a new one."""
        same = self._by_pair[row.text, row.party]
        item = next((item for item in same if path not in item.files), None)
        if item is None:
            item = _Item(row)
            self._items.append(item)
            same.append(item)
        self._by_id[row.id] = item
        return item
