"""How far annotators agree: chance-corrected coefficients with intervals that respect articles.

Ratings are class indices, items x annotators, `MISSING` where an annotator said nothing. Every coefficient is
a function of sums over items, so that a thousand resamples of whole articles are scored at once (`metrics`).
Where a coefficient is undefined (nobody used a second class, or nobody shares an item) it is NaN.

The formulas are those of Gwet, Handbook of Inter-Rater Reliability (4th ed., 2014), which also say what to do
with missing labels; without any they are the original ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partystance.metrics import (
    CLASSES,
    MIN_PARTY_ROWS,
    Estimate,
    Floats,
    Groups,
    Indices,
    Metric,
    estimates,
    group_sums,
)
from partystance.ratings import MISSING, Ratings
from partystance.schema import LABELS

COEFFICIENTS = ("agreement", "cohen_kappa", "fleiss_kappa", "krippendorff_alpha", "gwet_ac1")
"""What `coefficients` returns, in this order."""


def cohen_kappa(matrices: NDArray[Any]) -> Floats:
    """Agreement of two annotators beyond what their own label frequencies give by chance (Cohen, 1960).

    Args:
        matrices: confusion matrices of a pair of annotators (..., classes, classes).
    """
    shares = _divide(matrices, matrices.sum((-1, -2))[..., None, None])
    by_chance = (shares.sum(-1) * shares.sum(-2)).sum(-1)
    return _beyond(np.trace(shares, axis1=-2, axis2=-1), by_chance)


def light_kappa(matrices: NDArray[Any]) -> Floats:
    """Mean Cohen's kappa over the pairs of annotators (..., pairs, classes, classes) for which it is defined.

    For two annotators it is Cohen's kappa; for more, Light's (Psychological Bulletin, 1971).
    """
    kappas = cohen_kappa(matrices)
    return _divide(np.nansum(kappas, -1), np.isfinite(kappas).sum(-1))


def observed_agreement(counts: NDArray[Any]) -> Floats:
    """Share of pairs of labels of one item that are equal, averaged over items, of summed `item_counts`."""
    return _divide(counts[..., 0], counts[..., 1])


def fleiss_kappa(counts: NDArray[Any]) -> Floats:
    """Agreement beyond what the pooled label frequencies give by chance, of summed `item_counts`.

    Fleiss (Psychological Bulletin, 1971); for two annotators it is Scott's pi.
    """
    return _beyond(observed_agreement(counts), np.square(_frequencies(counts)).sum(-1))


def gwet_ac1(counts: NDArray[Any]) -> Floats:
    """Agreement beyond chance that stays high where one class is rare (Gwet, BJMSP 2008), of `item_counts`.

    Chance is taken to strike hard items alone, so it shrinks as one class takes over.
    """
    pi = _frequencies(counts)
    return _beyond(observed_agreement(counts), (pi * (1 - pi)).sum(-1) / (pi.shape[-1] - 1))


def krippendorff_alpha(coincidences: NDArray[Any]) -> Floats:
    """One minus observed by expected disagreement of nominal labels, of summed `item_coincidences`.

    Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011). It corrects for small samples.
    """
    values = coincidences.sum(-1)
    total = values.sum(-1)
    observed = total - np.trace(coincidences, axis1=-2, axis2=-1)
    return 1 - _divide((total - 1) * observed, np.square(total) - np.square(values).sum(-1))


def item_counts(ratings: Indices, classes: int = CLASSES) -> Floats:
    """What observed agreement, Fleiss' kappa and AC1 need of each item: (N, 3 + classes).

    Share of its pairs of labels that agree; whether it has a pair; whether it has a label; shares of classes.
    """
    votes = _votes(ratings, classes)
    labels = votes.sum(1)
    agreeing = (votes * (votes - 1)).sum(1) / np.maximum(labels * (labels - 1), 1)
    shares = votes / np.maximum(labels, 1)[:, None]
    return np.column_stack([agreeing, labels > 1, labels > 0, shares])


def item_coincidences(ratings: Indices, classes: int = CLASSES) -> Floats:
    """Each item's part of Krippendorff's coincidence matrix: (N, classes, classes); 0 for a lone label."""
    votes = _votes(ratings, classes)
    pairs = votes[:, :, None] * votes[:, None, :] - votes[:, :, None] * np.eye(classes)
    return pairs / np.maximum(votes.sum(1) - 1, 1)[:, None, None]


def pair_matrices(ratings: Indices, groups: Groups, classes: int = CLASSES) -> Floats:
    """Confusion matrix of each pair of annotators by group: (G, pairs, classes, classes), groups sorted.

    Pairs are ordered as by `itertools.combinations`; rows are the first annotator's labels.
    """
    names, position = np.unique(np.asarray(groups), return_inverse=True)
    matrices = [
        _confusion(ratings[:, pair], position, (len(names), classes))
        for pair in combinations(range(ratings.shape[1]), 2)
    ]
    return np.stack(matrices, 1)


def coefficients(
    ratings: Indices, groups: Groups, classes: int = CLASSES, **bootstrap: Any
) -> dict[str, Estimate]:
    """Return every coefficient of `COEFFICIENTS` with its interval; `n` counts items with two labels or more.

    There is no interval for fewer than `MIN_PARTY_ROWS` items, nor where a resample of the articles leaves
    the coefficient undefined, nor where it is the same in all of them (annotators who agree on everything):
    that would claim a certainty that is not there.

    Args:
        ratings: class indices (items, annotators), `MISSING` where there is none.
        groups: the article of each item; articles are resampled whole.
        classes: how many classes there are, whether used or not.
        bootstrap: goes to `metrics.estimates`.
    """
    n = int(((ratings != MISSING).sum(1) > 1).sum())
    parts: list[tuple[NDArray[Any], dict[str, Metric]]] = [
        (pair_matrices(ratings, groups, classes), {"cohen_kappa": light_kappa}),
        (
            group_sums(item_counts(ratings, classes), groups),
            {"agreement": observed_agreement, "fleiss_kappa": fleiss_kappa, "gwet_ac1": gwet_ac1},
        ),
        (
            group_sums(item_coincidences(ratings, classes), groups),
            {"krippendorff_alpha": krippendorff_alpha},
        ),
    ]
    found: dict[str, Estimate] = {}
    for sums, statistics in parts:
        kept = sums if n >= MIN_PARTY_ROWS else sums.sum(0, keepdims=True)  # one group has no interval
        found |= estimates(statistics, kept, n, **bootstrap)
    return {name: _honest(found[name]) for name in COEFFICIENTS}


def per_class(ratings: Indices, groups: Groups, **bootstrap: Any) -> dict[str, dict[str, Estimate]]:
    """Return `coefficients` of each label against the rest, by label."""
    return {
        label: coefficients(_against_the_rest(ratings, index), groups, 2, **bootstrap)
        for index, label in enumerate(LABELS)
    }


def per_tag(
    ratings: Indices, groups: Groups, tags: Sequence[Sequence[str]], **bootstrap: Any
) -> dict[str, dict[str, Estimate]]:
    """Return `coefficients` of the items with each tag (a party, a phenomenon), most items first.

    Args:
        ratings: class indices (items, annotators), `MISSING` where there is none.
        groups: the article of each item.
        tags: of each item; an item may have several, or none.
        bootstrap: goes to `metrics.estimates`.
    """
    clusters = np.asarray(groups)
    items: dict[str, list[int]] = {}
    for item, names in enumerate(tags):
        for name in names:
            items.setdefault(name, []).append(item)
    return {
        name: coefficients(ratings[own], clusters[own], **bootstrap)
        for name, own in sorted(items.items(), key=lambda entry: (-len(entry[1]), entry[0]))
    }


def per_pair(
    ratings: Indices, annotators: Sequence[str], groups: Groups, **bootstrap: Any
) -> list[dict[str, Any]]:
    """Return a table of the pairs of annotators.

    Each has `annotators`, `n` (items that both labelled), `agreement` and `cohen_kappa` as estimates, and
    `confusion`: counts (3, 3), rows the first annotator's labels.
    """
    table: list[dict[str, Any]] = []
    for pair in combinations(range(len(annotators)), 2):
        own = ratings[:, pair]
        own = np.where((own == MISSING).any(1, keepdims=True), MISSING, own)
        measured = coefficients(own, groups, **bootstrap)
        table.append(
            {
                "annotators": [annotators[index] for index in pair],
                "n": measured["agreement"].n,
                "agreement": measured["agreement"],
                "cohen_kappa": measured["cohen_kappa"],
                "confusion": pair_matrices(own, groups).sum((0, 1)).astype(int).tolist(),
            }
        )
    return table


def agreement_report(ratings: Ratings, **bootstrap: Any) -> dict[str, Any]:
    """Return every table of `partystance agreement`, all over the rows that two annotators or more labelled.

    `bootstrap` goes to `metrics.estimates`.
    """
    shared = ratings.shared()
    labels, groups = shared.labels, [row.cluster for row in shared.rows]
    return {
        "rows": {"read": len(ratings.rows), "shared": len(shared.rows), "articles": len(set(groups))},
        "annotators": {
            name: dict(zip(LABELS, _votes(ratings.labels[:, [place]].T, CLASSES)[0].tolist(), strict=True))
            for place, name in enumerate(ratings.annotators)
        },
        "overall": coefficients(labels, groups, **bootstrap),
        "per_class": per_class(labels, groups, **bootstrap),
        "per_phenomenon": per_tag(labels, groups, [row.phenomena for row in shared.rows], **bootstrap),
        "per_party": per_tag(labels, groups, [(row.party,) for row in shared.rows], **bootstrap),
        "pairs": per_pair(labels, ratings.annotators, groups, **bootstrap),
    }


def plain(value: Any) -> Any:
    """Return a table of estimates as JSON values; what is undefined becomes null."""
    if isinstance(value, Estimate):
        return {name: None if number != number else number for name, number in asdict(value).items()}
    if isinstance(value, Mapping):
        return {name: plain(inner) for name, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


def _votes(ratings: Indices, classes: int) -> Indices:
    """How many annotators gave each class: (N, classes)."""
    return (ratings[:, :, None] == np.arange(classes)).sum(1)


def _confusion(pair: Indices, position: Indices, shape: tuple[int, int]) -> Floats:
    """The confusion matrix of two columns of ratings in each group."""
    groups, classes = shape
    both = (pair != MISSING).all(1)
    cells = (position[both] * classes + pair[both, 0]) * classes + pair[both, 1]
    counts = np.bincount(cells, minlength=groups * classes**2)
    return counts.reshape(groups, classes, classes).astype(np.float64)


def _against_the_rest(ratings: Indices, index: int) -> Indices:
    return np.where(ratings == MISSING, MISSING, (ratings == index).astype(np.int64))


def _frequencies(counts: NDArray[Any]) -> Floats:
    """Each class's mean share of an item's labels: (..., classes)."""
    return _divide(counts[..., 3:], counts[..., 2:3])


def _beyond(observed: Floats, by_chance: Floats) -> Floats:
    """How much of what chance leaves open is agreed on."""
    return _divide(observed - by_chance, 1 - by_chance)


def _divide(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    """Divide; NaN where there is nothing to divide by."""
    empty = np.isclose(whole, 0)
    return np.where(empty, np.nan, part / np.where(empty, 1, whole)).astype(np.float64)


def _honest(estimate: Estimate) -> Estimate:
    """The estimate without an interval that says nothing."""
    low, high = estimate.low, estimate.high
    if low is not None and high is not None and high - low > 1e-9:  # NaN is not
        return estimate
    return Estimate(estimate.value, None, None, estimate.n)
