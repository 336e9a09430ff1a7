"""One label, and how sure it is, of what several annotators said of a row.

Majority counts heads. Dawid and Skene (Applied Statistics, 1979) estimate how often each annotator takes one
class for another, together with the labels: a careful annotator then outweighs a careless one, and one who
answers at random counts for nothing. It needs three annotators who overlap; of two, nobody can tell who is
right. The model is crowd-kit's (`partystance[crowd]`).
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np

from partystance.errors import needs_extra
from partystance.metrics import CLASSES, Floats, Indices
from partystance.ratings import MISSING, Ratings
from partystance.schema import LABELS, Example, Stance

MAX_ITERATIONS = 100
"""Of expectation and maximisation; it stops before when the likelihood no longer grows."""


class Method(StrEnum):
    """How labels become one."""

    MAJORITY = "majority"
    DAWID_SKENE = "dawid-skene"


def majority(labels: Indices) -> Floats:
    """Return each class's share of a row's labels: (N, 3).

    Args:
        labels: class indices (N, annotators), `MISSING` where there is none; at least one a row.
    """
    votes = (labels[:, :, None] == np.arange(CLASSES)).sum(1)
    return votes / votes.sum(1, keepdims=True)


def dawid_skene(labels: Indices) -> Floats:
    """Return the probability of each class under the model of Dawid and Skene: (N, 3).

    Args:
        labels: class indices (N, annotators), `MISSING` where there is none; at least one a row.

    Raises:
        PartystanceError: crowd-kit is not installed.
    """
    with needs_extra("crowd", "dawid-skene"):
        from crowdkit.aggregation import DawidSkene
    return crowd_answers(DawidSkene(n_iter=MAX_ITERATIONS), labels)


def crowd_answers(model: Any, labels: Indices) -> Floats:
    """Return what an aggregator of crowd-kit says of each row: probabilities (N, 3)."""
    from pandas import DataFrame

    row, annotator = np.nonzero(labels != MISSING)
    said = DataFrame({"task": row, "worker": annotator, "label": labels[row, annotator]})
    found = model.fit_predict_proba(said)
    answers = found.reindex(index=range(len(labels)), columns=range(CLASSES), fill_value=0.0).to_numpy(float)
    return answers / answers.sum(1, keepdims=True)  # crowd-kit lifts zeros to 1e-10


METHODS: dict[Method, Callable[[Indices], Floats]] = {
    Method.MAJORITY: majority,
    Method.DAWID_SKENE: dawid_skene,
}


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What came of aggregating: every row, and counts of what happened.

    `ties` rows have no label because two classes are equally probable; `changed` rows have another label than
    before; `untouched` rows had no annotations. `agreeing` counts, by annotator, labels given, and those that
    equal the row's new one.
    """

    rows: tuple[Example, ...]
    ties: int
    untouched: int
    changed: int
    agreeing: dict[str, tuple[int, int]]


def aggregate(ratings: Ratings, method: Method) -> Aggregate:
    """Settle every row that has annotations; the others stay as they are.

    The label is the most probable class, the holder the one that most annotators of that label named.

    Raises:
        PartystanceError: the method needs a package that is not installed.
    """
    annotated = [row for row in ratings.rows if row.annotations]
    probabilities = METHODS[method](Ratings(tuple(annotated), ratings.annotators).labels)
    settled = {id(row): _settle(row, p) for row, p in zip(annotated, probabilities, strict=True)}
    rows = tuple(settled.get(id(row), row) for row in ratings.rows)
    return Aggregate(
        rows=rows,
        ties=sum(not row.label for row in settled.values()),
        untouched=len(rows) - len(settled),
        changed=sum("" != row.label != settled[id(row)].label != "" for row in annotated),
        agreeing=_agreeing(list(settled.values()), ratings.annotators),
    )


def _settle(row: Example, probabilities: Floats) -> Example:
    label = _most_probable(probabilities)
    holders = Counter(said.holder for said in row.annotations if said.label == label and said.holder)
    polar = label not in ("", Stance.NEUTRAL)
    support, neutral, criticize = probabilities.tolist()
    return replace(
        row,
        label=label,
        holder=holders.most_common(1)[0][0] if polar and holders else "",
        voice=row.voice if polar else "",
        mixed=row.mixed and label == Stance.NEUTRAL,
        probabilities=(support, neutral, criticize),
    )


def _most_probable(probabilities: Floats) -> str:
    """The label of the highest probability, '' when two share it."""
    best = np.flatnonzero(np.isclose(probabilities, probabilities.max(), atol=1e-6))
    return LABELS[best[0]] if len(best) == 1 else ""


def _agreeing(rows: list[Example], annotators: tuple[str, ...]) -> dict[str, tuple[int, int]]:
    given: Counter[str] = Counter()
    equal: Counter[str] = Counter()
    for row in rows:
        for said in row.annotations:
            given[said.annotator] += 1
            equal[said.annotator] += said.label == row.label
    return {name: (given[name], equal[name]) for name in annotators}
