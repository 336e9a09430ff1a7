"""How much better a classifier gets with more labels: a learning curve, and what lies beyond its end.

Macro-F1 at growing numbers of labels follows an inverse power law, `a - b * n^-c`, well enough to look a
little ahead (Viering & Loog, "The Shape of Learning Curves", TPAMI 2023). The interval comes from resampling
articles and refitting the law; `benchmarks/active_learning.py` counts how often it holds what came true.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold
from tqdm import tqdm

from partystance.light import LightClassifier
from partystance.metrics import (
    Estimate,
    Floats,
    Groups,
    Indices,
    group_matrices,
    macro_f1,
    percentile_interval,
    resample,
)
from partystance.schema import LABELS

MIN_ROWS, MIN_ARTICLES, MIN_OF_CLASS = 200, 20, 20
"""With fewer rows, articles, or rows of a class, nothing is said; 200 rows is the least that was measured."""

FOLDS, SIZES = 5, 6
_SMALLEST = 1 / 16  # the first size, as a share of the last: four doublings show a shape
_REPEATED_ROWS = (
    3000  # as many rows as are gone through again and again; larger sets vary less, and cost more
)
_MOST_REPEATS = 4
_EXPONENTS = np.geomspace(0.05, 1.5, 30)  # published curves lie between; flatter ones end in a straight line


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """Macro-F1 by number of labels.

    Attributes:
        sizes: numbers of labels (S,), growing.
        scores: macro-F1 at these (S,), each row scored by a classifier that saw none of its article.
        draws: the same for resampled articles (B, S).
        rows: all labels there are, what `level` and `gain` start from.
    """

    sizes: Floats
    scores: Floats
    draws: Floats
    rows: int

    def level(self) -> Estimate:
        """Macro-F1 that the law gives for all labels there are."""
        return self._estimate(lambda law: power_law(law, self.rows))

    def gain(self, more: int) -> Estimate:
        """How much macro-F1 goes up with so many labels more, drawn like those there are."""
        return self._estimate(lambda law: power_law(law, self.rows + more) - power_law(law, self.rows))

    def _estimate(self, value: Any) -> Estimate:
        best = float(value(fit_power_law(self.sizes, self.scores[None]))[0])
        interval = percentile_interval(value(fit_power_law(self.sizes, self.draws)))
        return Estimate(best, interval.low, interval.high, self.rows)


def too_few(labels: Sequence[str], groups: Sequence[str]) -> str:
    """Return what a learning curve lacks, in words; empty when nothing."""
    if len(labels) < MIN_ROWS:
        return f"{len(labels)} labelled rows; it takes {MIN_ROWS}"
    if len(set(groups)) < MIN_ARTICLES:
        return f"labelled rows of {len(set(groups))} articles; it takes {MIN_ARTICLES}"
    counts = Counter(labels)
    rare = min(LABELS, key=lambda label: counts[label])
    if counts[rare] < MIN_OF_CLASS:
        return f"{counts[rare]} rows of {rare}; it takes {MIN_OF_CLASS}"
    return ""


def measure_curve(
    features: NDArray[Any], labels: Indices, groups: Groups, seed: int, progress: bool = False
) -> LearningCurve:
    """Score the light classifier at growing numbers of labels, cross-validated by article, several times.

    Args:
        features: (N, D).
        labels: class indices (N,).
        groups: the article of each row; at least `FOLDS` of them.
        seed: of folds, order of labels, and resamples.
        progress: show a bar.
    """
    largest = len(labels) * (1 - 1 / FOLDS)
    sizes = np.unique(np.geomspace(largest * _SMALLEST, largest, SIZES).astype(int))
    repeats = int(np.clip(_REPEATED_ROWS // len(labels), 1, _MOST_REPEATS))
    with tqdm(total=repeats * FOLDS, desc="learning curve", unit=" folds", disable=not progress) as bar:
        matrices = np.stack(
            [_one_pass(features, labels, groups, sizes, seed + repeat, bar) for repeat in range(repeats)], 1
        )  # (G, R, S, 3, 3)
    draws = macro_f1(resample(matrices, seed=seed))  # (B, R, S)
    chosen = np.random.default_rng(seed).integers(repeats, size=(len(draws), repeats, 1))
    return LearningCurve(
        sizes=sizes.astype(np.float64),
        scores=macro_f1(matrices.sum(0)).mean(0),
        draws=np.take_along_axis(draws, chosen, axis=1).mean(1),
        rows=len(labels),
    )


def _one_pass(
    features: NDArray[Any], labels: Indices, groups: Groups, sizes: Indices, seed: int, bar: Any
) -> Floats:
    """Confusion matrices by article and size, (G, S, 3, 3), of one cross-validation."""
    predicted = np.zeros((len(sizes), len(labels)), dtype=np.int64)
    shuffle = np.random.default_rng(seed)
    folds = GroupKFold(FOLDS, shuffle=True, random_state=seed).split(features, labels, groups)
    for train, test in folds:
        order = shuffle.permutation(train)
        for answers, size in zip(predicted, sizes, strict=True):
            answers[test] = _learn_and_predict(features, labels, order[:size], test)
        bar.update()
    return np.stack([group_matrices(labels, answers, groups) for answers in predicted], axis=1)


def _learn_and_predict(features: NDArray[Any], labels: Indices, train: Indices, test: Indices) -> Indices:
    """Predict the test rows; a handful of rows of one class can only be repeated."""
    if len(np.unique(labels[train])) < 2:
        return np.full(len(test), labels[train[0]])
    return LightClassifier.fit(features[train], labels[train]).predict(features[test])


def fit_power_law(sizes: NDArray[Any], scores: NDArray[Any]) -> Floats:
    """Fit `a - b * n^-c` to curves by least squares, with a <= 1 and b >= 0.

    For a given c the law is linear in a and b, so only c is searched for, over a grid, all curves at once
    (variable projection, Golub & Pereyra 1973).

    Args:
        sizes: n (S,).
        scores: one curve a row (B, S).

    Returns:
        a, b, c of each curve: (B, 3).
    """
    best, laws = np.full(len(scores), np.inf), np.zeros((len(scores), 3))
    for exponent in _EXPONENTS:
        falls = -(np.asarray(sizes, dtype=np.float64) ** -exponent)
        slope = np.maximum((scores - scores.mean(1, keepdims=True)) @ (falls - falls.mean()), 0)
        slope /= np.square(falls - falls.mean()).sum()
        limit = np.minimum(scores.mean(1) - slope * falls.mean(), 1)
        errors = np.square(scores - limit[:, None] - slope[:, None] * falls).sum(1)
        better = errors < best
        best[better] = errors[better]
        laws[better] = np.stack([limit, slope, np.full(len(scores), exponent)], axis=1)[better]
    return laws


def power_law(laws: NDArray[Any], n: int) -> Floats:
    """Return `a - b * n^-c` for each law (B, 3): (B,)."""
    limit, slope, exponent = laws.T
    return limit - slope * float(n) ** -exponent
