"""Labels that are most likely wrong, by confident learning (Northcutt, Jiang & Chuang, JAIR 2021).

A row is the more suspect the less its given label is believed by classifiers that learnt from other articles
(cleanlab's `self_confidence`). Needs `partystance[train,clean]`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from cleanlab.rank import get_label_quality_scores
from numpy.typing import NDArray

from partystance.labelled import LabelledRow
from partystance.metrics import Floats, Indices, class_indices
from partystance.out_of_fold import Views, out_of_fold, word_vectorizer
from partystance.parties import Registry
from partystance.schema import LABELS

NEIGHBOURS = 5
"""How many rows of the same party, with the most similar words, are asked what they are labelled."""

ALIKE = 0.1
"""Cosine of TF-IDF vectors from which two rows have similar words."""

COLUMNS = (
    "rank", "place", "id", "text", "party", "label", "suggested", *(f"p_{label}" for label in LABELS),
    "reason", "label_source",
)  # fmt: skip
"""The columns of a table of suspects, in order."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A row, what the model says of it (in the order of `LABELS`), and why its label may be wrong."""

    rank: int
    row: LabelledRow
    suggested: str
    probabilities: tuple[float, float, float]
    reason: str

    def to_row(self) -> dict[str, Any]:
        """Return plain values by the names of `COLUMNS`."""
        example = self.row.example
        values = (self.rank, self.row.place, example.id, example.text, example.party, example.label)
        rest = (self.suggested, *self.probabilities, self.reason, example.label_source)
        return dict(zip(COLUMNS, (*values, *rest), strict=True))


def find_suspects(rows: Sequence[LabelledRow], registry: Registry, count: int) -> list[Suspect]:
    """Return the rows whose label is most likely wrong, the most suspect first.

    At most `count`, and none whose label the classifiers believe more than any other. Rows without a label
    are left out, and so are neutral rows of one holder, which say nothing of others. Where labels come from
    rules, the rules count as evidence for them.

    Raises:
        PartystanceError: as `out_of_fold`.
    """
    labelled = [row for row in rows if row.example.label and not row.example.of_one_holder]
    given = class_indices(row.example.label for row in labelled)
    views = Views.of([row.example for row in labelled], registry)
    probabilities = out_of_fold(views, given)
    reasons = _Reasons(labelled, views, given)
    predicted = probabilities.argmax(1)
    doubted = [index for index in by_suspicion(given, probabilities) if predicted[index] != given[index]]
    suspects = []
    for rank, index in enumerate(doubted[:count], start=1):
        support, neutral, criticize = (round(float(p), 3) for p in probabilities[index])
        reason = reasons.of(int(index), int(predicted[index]), probabilities[index])
        found = (labelled[index], LABELS[predicted[index]], (support, neutral, criticize), reason)
        suspects.append(Suspect(rank, *found))
    return suspects


def by_suspicion(given: Indices, probabilities: Floats) -> NDArray[np.intp]:
    """Return the positions of rows, those first whose given class has the lowest probability."""
    quality = get_label_quality_scores(given, probabilities, method="self_confidence")
    return np.argsort(quality, kind="stable")


class _Reasons:
    """Puts into words what speaks against a label."""

    def __init__(self, rows: Sequence[LabelledRow], views: Views, given: Indices) -> None:
        self.rows, self.rules, self.given = rows, views.rules, given
        self.words: Any = word_vectorizer().fit_transform(views.words)
        self.parties = np.array([row.example.party for row in rows])

    def of(self, index: int, suggested: int, probabilities: Floats) -> str:
        """Return the reasons to change the label of a row into another class."""
        given = self.given[index]
        model = (
            f"model {probabilities[suggested]:.2f} {LABELS[suggested]}, "
            f"{probabilities[given]:.2f} {LABELS[given]} as given"
        )
        return "; ".join([*self._likeness(index, suggested), *self._rule(index, suggested), model])

    def _likeness(self, index: int, suggested: int) -> Iterator[str]:
        near = self._neighbours(index)
        for_it = int((self.given[near] == suggested).sum())
        if for_it > int((self.given[near] == self.given[index]).sum()):
            of = f"of the {len(near)} rows on {self.parties[index]} with the most similar words"
            yield f"{for_it} {of} are {LABELS[suggested]}"

    def _neighbours(self, index: int) -> Indices:
        """The rows of the same party, in other sentences, with the most similar words."""
        own = self.rows[index].example
        same = np.flatnonzero(self.parties == own.party)
        others = np.array([i for i in same.tolist() if self.rows[i].example.text != own.text], dtype=np.int64)
        likeness = (self.words[others] @ self.words[index].T).toarray().ravel()
        order = np.argsort(-likeness, kind="stable")[:NEIGHBOURS]
        return others[order[likeness[order] >= ALIKE]]

    def _rule(self, index: int, suggested: int) -> Iterator[str]:
        rule = self.rules[index]
        if rule.label == LABELS[suggested] and rule.evidence:
            yield f"the rules read “{rule.evidence}” as {rule.label}"
        elif rule.label == LABELS[suggested]:
            yield "the rules find nothing said for or against it"
