"""What goes out: one task a (sentence, party) row, with the label that is already there as a suggestion."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from partystance.errors import InputError
from partystance.schema import Example, Prediction
from partystance.tables import read_rows


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A label shown to the annotator before they choose; `source` says who gave it."""

    label: str
    holder: str
    source: str


@dataclass(frozen=True, slots=True)
class Task:
    """A row to label, and what to fill in beforehand."""

    row: Example
    suggestion: Suggestion | None = None


def read_rows_to_label(path: Path | str) -> Iterator[Example]:
    """Yield the rows of a labelled file, or of a table of predictions (the model's label as the row's).

    Raises:
        InputError: as `read_rows`; a row breaks the row format; or has the id of an earlier one, so that an
            answer would not say which of them it is about.
    """
    seen: set[str] = set()
    for number, row in enumerate(read_rows(path), start=1):
        try:
            json.dumps(row, ensure_ascii=False).encode()  # half a character: no tool could store it
            example = _of_prediction(row) if "model_id" in row else Example.from_row(row)
        except (ValueError, TypeError, KeyError) as error:
            raise InputError(path, f"row {number} cannot be labelled: {error}") from None
        if example.id in seen:
            reason = f"row {number} has the id {example.id!r} of an earlier row: make ids unique"
            raise InputError(path, reason)
        seen.add(example.id)
        yield example


def _of_prediction(row: dict[str, object]) -> Example:
    stance = Prediction.from_row(row)
    return Example(
        id=stance.id,
        text=stance.text,
        party=stance.party,
        mentions=stance.mentions,
        label=stance.label,
        doc_id=stance.doc_id,
        sentence_index=stance.sentence_index,
        sentence_start=stance.sentence_start,
        sentence_end=stance.sentence_end,
        label_source=f"model:{stance.model_id}",
        outlet=stance.outlet,
        date=stance.date,
        url=stance.url,
        title=stance.title,
        group=stance.doc_id,
    )


def tasks(rows: Iterable[Example], blind: bool = False) -> Iterator[Task]:
    """Yield a task a row; `blind` leaves suggestions out, for a pass that must not see an earlier one."""
    for row in rows:
        yield Task(row, None if blind else suggestion(row))


def suggestion(row: Example) -> Suggestion | None:
    """Return the row's label, else the label all its annotators gave, else nothing."""
    if row.label:
        return Suggestion(row.label, row.holder, row.label_source)
    labels = {said.label for said in row.annotations}
    if len(labels) != 1:
        return None
    holders = {said.holder for said in row.annotations}
    names = ", ".join(said.annotator for said in row.annotations)
    return Suggestion(labels.pop(), holders.pop() if len(holders) == 1 else "", names)
