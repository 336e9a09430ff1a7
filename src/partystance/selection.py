"""Which rows to label next: pure functions from probabilities and features to an order, and caps on it.

A strategy puts rows in an order, best first; `take` walks down the order and keeps what the caps allow, so
that no article and no sentence fills the list. Everything is the same again for the same seed.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Order = NDArray[np.int64]
"""Positions of rows, best first."""

POOL_FACTOR = 10
"""Least sure rows, per row asked for, among which `mixed_order` looks for different ones (Zhdanov 2019)."""


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `most` of the rows that share a key; one key a row (its article, its sentence, ...)."""

    keys: Sequence[Hashable]
    most: int


def uncertainty(probabilities: NDArray[Any]) -> Floats:
    """How close the two likeliest classes of each row are: (N,), 0 sure, 1 undecided.

    One minus the margin (Scheffer et al., IDA 2001) of probabilities (N, K).
    """
    second, first = np.sort(np.asarray(probabilities, dtype=np.float64), axis=1)[:, -2:].T
    return 1 - (first - second)


def random_order(rows: int, seed: int) -> Order:
    """Every row, shuffled."""
    return np.random.default_rng(seed).permutation(rows)


def uncertain_order(uncertain: NDArray[Any], seed: int) -> Order:
    """Every row, least sure first; equals in seeded order."""
    shuffled = random_order(len(uncertain), seed)
    return shuffled[np.argsort(-np.asarray(uncertain)[shuffled], kind="stable")]


def diverse_order(features: NDArray[Any], n: int, seed: int, weights: NDArray[Any] | None = None) -> Order:
    """Every row, so that the first n lie apart from each other and near what they stand for.

    K-means with n centres; first the row nearest to each centre, centres of many (or heavy) rows first, then
    the second nearest of each, and so on.

    Args:
        features: (N, D), of any scale: each is standardised.
        n: how many will be taken.
        seed: of the first centres.
        weights: how much each row draws the centres, (N,), none negative; by default all the same.
    """
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.preprocessing import StandardScaler

    if n >= len(features):
        return random_order(len(features), seed)
    vectors = StandardScaler().fit_transform(np.asarray(features, dtype=np.float32))
    weights = np.ones(len(vectors)) if weights is None else np.asarray(weights, dtype=np.float64)
    if not weights.any():
        weights = np.ones(len(vectors))
    model = MiniBatchKMeans(n, random_state=seed, batch_size=max(2048, 4 * n))
    clusters = model.fit_predict(vectors, sample_weight=weights)
    centres: NDArray[np.float32] = np.asarray(model.cluster_centers_, dtype=np.float32)
    distances = np.linalg.norm(vectors - centres[clusters], axis=1)
    return _round_robin(clusters, distances, np.bincount(clusters, weights, minlength=n))


def _round_robin(clusters: NDArray[Any], distances: NDArray[Any], sizes: NDArray[Any]) -> Order:
    """The nearest row of each cluster, large clusters first, then the second nearest of each, ..."""
    members: list[list[int]] = [[] for _ in sizes]
    for position in np.argsort(distances, kind="stable").tolist():
        members[clusters[position]].append(position)
    by_size = [members[cluster] for cluster in np.argsort(-sizes, kind="stable")]
    rounds = chain.from_iterable(zip_longest(*by_size))
    return np.array([position for position in rounds if position is not None], dtype=np.int64)


def mixed_order(probabilities: NDArray[Any], features: NDArray[Any], n: int, seed: int) -> Order:
    """Every row, so that the first n are both unsure and unlike each other.

    The least sure rows, `POOL_FACTOR` times n, in the order of k-means weighted by uncertainty (Zhdanov 2019,
    "Diverse mini-batch Active Learning", arXiv:1901.05954); the surer ones follow by uncertainty.
    """
    uncertain = uncertainty(probabilities)
    order = uncertain_order(uncertain, seed)
    near, rest = np.split(order, [min(POOL_FACTOR * n, len(order))])
    return np.concatenate([near[diverse_order(features[near], n, seed, uncertain[near])], rest])


def take(order: Iterable[int], n: int, caps: Sequence[Cap] = ()) -> list[int]:
    """Return the first n rows of an order that the caps allow; fewer where they allow no more."""
    taken: list[int] = []
    counts: list[Counter[Hashable]] = [Counter() for _ in caps]
    for row in map(int, order):
        if len(taken) == n:
            break
        keys = [cap.keys[row] for cap in caps]
        if all(count[key] < cap.most for cap, count, key in zip(caps, counts, keys, strict=True)):
            taken.append(row)
            for count, key in zip(counts, keys, strict=True):
                count[key] += 1
    return taken
