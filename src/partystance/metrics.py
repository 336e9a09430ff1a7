"""How good labels and probabilities are: pure functions on arrays, with intervals that respect articles.

Labels are class indices (integers) in the order of `schema.LABELS`; `class_indices` makes them of strings.
Every score of labels is a function of confusion matrices `(..., 3, 3)`, rows the truth and columns the
prediction, so that a thousand resamples are scored at once.

A class without gold or predicted rows has precision, recall and F1 of 0, and means always run over all three
classes (scikit-learn's answer for `labels=[0, 1, 2], zero_division=0`). That keeps test sets comparable;
where a class has no gold rows, no system can reach 1.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partystance.schema import LABELS, POLAR_INDICES

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Groups = Sequence[str] | NDArray[Any]
"""What each row belongs to and is resampled with: its article."""
Metric = Callable[[NDArray[Any]], Floats]
"""From confusion matrices `(..., 3, 3)` to one score each `(...)`."""

CLASSES = len(LABELS)

CALIBRATION_BINS = 10
"""Guo et al. (ICML 2017) take 15; test sets of some hundred rows fill no more than 10."""

MIN_PARTY_ROWS = 10
"""Parties with fewer rows get no interval: resamples of so few rows tell little."""


class Interval(NamedTuple):
    """Ends of a confidence interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """A score, its interval (None: too few groups to tell) and the rows it rests on."""

    value: float
    low: float | None
    high: float | None
    n: int


def class_indices(labels: Iterable[str]) -> Indices:
    """Return the place of each label in `LABELS`. Raises `ValueError` for a label that is none of them."""
    place = {label: index for index, label in enumerate(LABELS)}
    try:
        return np.array([place[label] for label in labels], dtype=np.int64)
    except KeyError as error:
        raise ValueError(f"label {error} is not one of {', '.join(LABELS)}") from None


def confusion_matrix(y_true: ArrayLike, y_pred: ArrayLike) -> Indices:
    """Count rows by true (rows) and predicted class (columns): (3, 3).

    Raises:
        ValueError: no rows, different lengths, or something that is no class index.
    """
    true, pred = _classes(y_true, y_pred)
    return np.bincount(true * CLASSES + pred, minlength=CLASSES**2).reshape(CLASSES, CLASSES)


def precision(matrices: NDArray[Any]) -> Floats:
    """Share of right ones among what was predicted of each class: (..., 3)."""
    return _ratio(_hits(matrices), matrices.sum(-2))


def recall(matrices: NDArray[Any]) -> Floats:
    """Share of each class that was found: (..., 3)."""
    return _ratio(_hits(matrices), matrices.sum(-1))


def f1(matrices: NDArray[Any]) -> Floats:
    """Harmonic mean of precision and recall of each class: (..., 3)."""
    return _ratio(2 * _hits(matrices), matrices.sum(-1) + matrices.sum(-2))


def macro_f1(matrices: NDArray[Any]) -> Floats:
    """Mean F1 of the three classes: (...)."""
    return f1(matrices).mean(-1)


def polar_f1(matrices: NDArray[Any]) -> Floats:
    """Mean F1 of `support` and `criticize`: (...). SemEval's F1 of the polar classes (Nakov et al., 2016)."""
    return f1(matrices)[..., POLAR_INDICES].mean(-1)


def average_recall(matrices: NDArray[Any]) -> Floats:
    """Mean recall of the three classes: (...)."""
    return recall(matrices).mean(-1)


def accuracy(matrices: NDArray[Any]) -> Floats:
    """Share of rows that are right: (...)."""
    return _ratio(_hits(matrices).sum(-1), matrices.sum((-1, -2)))


METRICS: dict[str, Metric] = {
    "macro_f1": macro_f1,
    "accuracy": accuracy,
    "polar_f1": polar_f1,
    "average_recall": average_recall,
}
"""The scores that every report has."""


def scores(y_true: ArrayLike, y_pred: ArrayLike) -> dict[str, float]:
    """Return every score of `METRICS`. Raises `ValueError` as `confusion_matrix`."""
    matrix = confusion_matrix(y_true, y_pred)
    return {name: float(metric(matrix)) for name, metric in METRICS.items()}


def brier(y_true: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean squared distance of the probabilities (N, 3) from the truth: 0 best, 2 worst (Brier, 1950)."""
    return float(brier_terms(y_true, probabilities).mean())


def brier_terms(y_true: ArrayLike, probabilities: ArrayLike) -> Floats:
    """Each row's part of the Brier score: (N,)."""
    true, p = _probabilities(y_true, probabilities)
    return np.square(p - np.eye(CLASSES)[true]).sum(1)


def expected_calibration_error(
    y_true: ArrayLike, probabilities: ArrayLike, bins: int = CALIBRATION_BINS
) -> float:
    """Mean distance between confidence and accuracy over bins of equal width (Guo et al., ICML 2017).

    Confidence is the highest probability of a row. Few rows make it larger than it is.
    """
    return float(calibration_error(calibration_terms(y_true, probabilities, bins).sum(0)))


def calibration_terms(y_true: ArrayLike, probabilities: ArrayLike, bins: int = CALIBRATION_BINS) -> Floats:
    """Each row as (1, confidence, is right) in the bin of its confidence: (N, bins, 3).

    Bins are open below and closed above.
    """
    true, p = _probabilities(y_true, probabilities)
    confidence, right = p.max(1), p.argmax(1) == true
    position = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    terms = np.zeros((len(true), bins, 3))
    terms[np.arange(len(true)), position] = np.stack([np.ones(len(true)), confidence, right], 1)
    return terms


def calibration_error(bins: NDArray[Any]) -> Floats:
    """Expected calibration error of summed `calibration_terms` (..., bins, 3): (...)."""
    rows, confidence, right = np.moveaxis(bins, -1, 0)
    return _ratio(np.abs(confidence - right).sum(-1), rows.sum(-1))


def group_sums(terms: NDArray[Any], groups: Groups) -> Floats:
    """Add up the rows (N, ...) of each group: (G, ...), groups sorted."""
    names, position = _positions(groups, len(terms))
    sums = np.zeros((len(names), *terms.shape[1:]))
    np.add.at(sums, position, terms)
    return sums


def group_matrices(y_true: ArrayLike, y_pred: ArrayLike, groups: Groups) -> Floats:
    """One confusion matrix a group: (G, 3, 3), groups sorted."""
    true, pred = _classes(y_true, y_pred)
    names, position = _positions(groups, len(true))
    cells = (position * CLASSES + true) * CLASSES + pred
    return np.bincount(cells, minlength=len(names) * CLASSES**2).reshape(-1, CLASSES, CLASSES).astype(float)


def resample(sums: NDArray[Any], n_resamples: int = 1000, seed: int = 13) -> Floats:
    """Draw G of G groups with replacement and add them up, again and again: (n_resamples, ...).

    The draws depend on `G` and `seed` alone, so the resamples of two systems over the same rows are pairs.

    Raises:
        ValueError: fewer than two groups, of which nothing can be learnt about other groups.
    """
    groups = len(sums)
    if groups < 2:
        raise ValueError(f"resampling needs at least 2 groups, not {groups}")
    random, flat = np.random.default_rng(seed), sums.reshape(groups, -1)
    totals = np.empty((n_resamples, flat.shape[1]))
    for total in totals:
        total[:] = np.bincount(random.integers(groups, size=groups), minlength=groups) @ flat
    return totals.reshape(n_resamples, *sums.shape[1:])


def percentile_interval(values: NDArray[Any], confidence: float = 0.95) -> Interval:
    """The middle `confidence` of resampled scores (Efron & Tibshirani 1993, ch. 13)."""
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(low), float(high))


def cluster_bootstrap(
    metric: Metric,
    y_true: ArrayLike,
    y_pred: ArrayLike,
    groups: Groups,
    n_resamples: int = 1000,
    seed: int = 13,
    confidence: float = 0.95,
) -> Interval:
    """Percentile interval of a score, resampling whole groups (articles), whose rows are not independent.

    With few groups (under 20 or so) it is too narrow, as every percentile bootstrap is.

    Raises:
        ValueError: fewer than two groups, or rows that `confusion_matrix` refuses.
    """
    draws = resample(group_matrices(y_true, y_pred, groups), n_resamples, seed)
    return percentile_interval(metric(draws), confidence)


def estimates(
    statistics: Mapping[str, Metric],
    sums: NDArray[Any],
    n: int,
    n_resamples: int = 1000,
    seed: int = 13,
    confidence: float = 0.95,
) -> dict[str, Estimate]:
    """Return statistics of sums over groups (G, ...), all from the same resamples of the groups."""
    values = {name: float(statistic(sums.sum(0))) for name, statistic in statistics.items()}
    if len(sums) < 2:
        return {name: Estimate(value, None, None, n) for name, value in values.items()}
    draws = resample(sums, n_resamples, seed)
    intervals = {name: percentile_interval(statistics[name](draws), confidence) for name in values}
    return {name: Estimate(value, *intervals[name], n) for name, value in values.items()}


def summary(
    y_true: ArrayLike, y_pred: ArrayLike, probabilities: ArrayLike, groups: Groups, **bootstrap: Any
) -> dict[str, Estimate]:
    """Return every score of `METRICS`, `brier` and `calibration_error`; `bootstrap` goes to `estimates`."""
    matrices = group_matrices(y_true, y_pred, groups)
    rows = int(matrices.sum())
    losses = brier_terms(y_true, probabilities)
    losses = group_sums(np.stack([losses, np.ones(rows)], 1), groups)
    bins = group_sums(calibration_terms(y_true, probabilities), groups)
    return {
        **estimates(METRICS, matrices, rows, **bootstrap),
        **estimates({"brier": lambda sums: sums[..., 0] / sums[..., 1]}, losses, rows, **bootstrap),
        **estimates({"calibration_error": calibration_error}, bins, rows, **bootstrap),
    }


def paired_difference(
    metric: Metric, y_true: ArrayLike, y_pred: ArrayLike, y_other: ArrayLike, groups: Groups, **bootstrap: Any
) -> Estimate:
    """How much better `y_pred` scores than `y_other` on the same rows; both are resampled together.

    `bootstrap` goes to `estimates`.
    """
    pair = np.stack([group_matrices(y_true, labels, groups) for labels in (y_pred, y_other)], axis=1)

    def difference(matrices: NDArray[Any]) -> Floats:
        return metric(matrices[..., 0, :, :]) - metric(matrices[..., 1, :, :])

    return estimates({"difference": difference}, pair, int(pair[:, 0].sum()), **bootstrap)["difference"]


def per_class(
    y_true: ArrayLike, y_pred: ArrayLike, groups: Groups, **bootstrap: Any
) -> dict[str, dict[str, Estimate]]:
    """Return `precision`, `recall` and `f1` by label; their `n` is the gold rows of the label (its support).

    `bootstrap` goes to `estimates`.
    """
    matrices = group_matrices(y_true, y_pred, groups)
    support = matrices.sum((0, 2)).astype(int).tolist()
    return {
        label: estimates(_of_class(index), matrices, support[index], **bootstrap)
        for index, label in enumerate(LABELS)
    }


def _of_class(index: int) -> dict[str, Metric]:
    return {
        "precision": lambda matrices: precision(matrices)[..., index],
        "recall": lambda matrices: recall(matrices)[..., index],
        "f1": lambda matrices: f1(matrices)[..., index],
    }


def per_party(
    y_true: ArrayLike, y_pred: ArrayLike, parties: Sequence[str], groups: Groups, **bootstrap: Any
) -> dict[str, dict[str, Any]]:
    """Return `n`, `groups`, `gold` rows by label, `accuracy` and `macro_f1` by party, most rows first.

    `macro_f1` is None for a party whose gold rows lack a class: it could not reach 1, and would not compare.
    There are no intervals for fewer than `MIN_PARTY_ROWS` rows, nor where all rows are right or all wrong,
    which every resample would be too. `bootstrap` goes to `estimates`.
    """
    true, pred = _classes(y_true, y_pred)
    names, position = _positions(parties, len(true))
    counts, clusters = np.bincount(position), np.asarray(groups)
    table: dict[str, dict[str, Any]] = {}
    for index in np.lexsort((names, -counts)):
        own = position == index
        table[str(names[index])] = _party(group_matrices(true[own], pred[own], clusters[own]), bootstrap)
    return table


def _party(matrices: Floats, bootstrap: Mapping[str, Any]) -> dict[str, Any]:
    n, gold = int(matrices.sum()), matrices.sum((0, 2)).astype(int)
    varied = n >= MIN_PARTY_ROWS and 0 < accuracy(matrices.sum(0)) < 1
    kept = matrices if varied else matrices.sum(0, keepdims=True)  # one group has no interval
    measured = estimates({"accuracy": accuracy, "macro_f1": macro_f1}, kept, n, **bootstrap)
    return {
        "n": n,
        "groups": len(matrices),
        "gold": dict(zip(LABELS, gold.tolist(), strict=True)),
        "accuracy": measured["accuracy"],
        "macro_f1": measured["macro_f1"] if gold.all() else None,
    }


def _positions(groups: Groups, rows: int) -> tuple[NDArray[Any], Indices]:
    """Return the groups' names, sorted, and the place of each row's group among them."""
    if len(groups) != rows:
        raise ValueError(f"{rows} rows need as many groups, not {len(groups)}")
    names, position = np.unique(np.asarray(groups), return_inverse=True)
    return names, position.astype(np.int64)


def _hits(matrices: NDArray[Any]) -> NDArray[Any]:
    return np.diagonal(matrices, axis1=-2, axis2=-1)


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    """Divide; 0 where there is nothing to divide by."""
    return np.where(whole > 0, part / np.maximum(whole, 1), 0.0).astype(np.float64)


def _classes(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[Indices, Indices]:
    true, pred = np.asarray(y_true), np.asarray(y_pred)
    if true.ndim != 1 or true.shape != pred.shape or not len(true):
        raise ValueError(
            f"need two equally long, non-empty rows of labels, not {true.shape} and {pred.shape}"
        )
    for values in (true, pred):
        if values.dtype.kind not in "iu" or values.min() < 0 or values.max() >= CLASSES:
            raise ValueError(f"labels are class indices 0 to {CLASSES - 1} (see class_indices)")
    return true.astype(np.int64), pred.astype(np.int64)


def _probabilities(y_true: ArrayLike, probabilities: ArrayLike) -> tuple[Indices, Floats]:
    p = np.asarray(probabilities, dtype=float)
    true, _ = _classes(y_true, y_true)
    if p.shape != (len(true), CLASSES):
        raise ValueError(f"need probabilities of shape {(len(true), CLASSES)}, not {p.shape}")
    if not (p >= 0).all() or not np.allclose(p.sum(1), 1, atol=1e-4):  # a NaN is not >= 0
        raise ValueError("probabilities must be at least 0 and add up to 1 in every row")
    return true, p
