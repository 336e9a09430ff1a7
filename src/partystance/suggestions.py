"""From unlabelled articles to the pairs that are worth labelling next: what `partystance suggest` does."""

import hashlib
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partystance.errors import PartystanceError
from partystance.metrics import Floats, class_indices
from partystance.parties import Registry
from partystance.schema import LABELS, Annotation, Example
from partystance.selection import (
    Cap,
    Order,
    diverse_order,
    mixed_order,
    random_order,
    take,
    uncertain_order,
    uncertainty,
)
from partystance.splits import near_duplicate_clusters, normalise

PER_SENTENCE = 2
"""Pairs chosen of one sentence and its near-copies, each of another party."""


class Strategy(StrEnum):
    """How the next rows are chosen."""

    MIXED = "mixed"
    UNCERTAIN = "uncertain"
    RANDOM = "random"


@dataclass(frozen=True, slots=True)
class Pool:
    """Pairs to choose from.

    Attributes:
        examples: N pairs, in reading order.
        clusters: the same number for sentences that are the same or nearly so (N).
        found: pairs in the articles.
        labelled: those left out because they are labelled already.
        copies: those left out because a near-copy of their sentence is, for the same party.
    """

    examples: list[Example]
    clusters: list[int]
    found: int
    labelled: int
    copies: int


def gather(pairs: Iterable[Example], known: Sequence[Example], size: int, seed: int) -> Pool:
    """Collect what is not labelled yet; of more than `size` pairs a random sample (memory stays flat).

    Args:
        pairs: unlabelled examples, any number.
        known: rows that are labelled or given to annotators already.
        size: the most pairs to look at.
        seed: of the sample.
    """
    taken = {(normalise(row.text), row.party) for row in known}
    rng, sample = random.Random(seed), dict[int, Example]()
    found = new = 0
    for pair in pairs:
        found += 1
        if (normalise(pair.text), pair.party) not in taken:
            slot = new if new < size else rng.randrange(new + 1)  # Vitter's algorithm R (1985)
            if slot < size:
                sample[slot] = pair
            new += 1
    return _without_copies(list(sample.values()), known, found, found - new)


def _without_copies(examples: list[Example], known: Sequence[Example], found: int, labelled: int) -> Pool:
    clusters = near_duplicate_clusters([row.text for row in (*known, *examples)])
    parties = [row.party for row in known]
    taken = set(zip(clusters, parties, strict=False))  # the clusters of known rows come first
    kept = [
        (row, cluster)
        for row, cluster in zip(examples, clusters[len(known) :], strict=True)
        if (cluster, row.party) not in taken
    ]
    kept.sort(key=lambda pair: (pair[0].doc_id, pair[0].sentence_index, pair[0].mentions[0].start))
    rows = [row for row, _ in kept]
    return Pool(rows, [cluster for _, cluster in kept], found, labelled, len(examples) - len(rows))


@dataclass(frozen=True, slots=True)
class Adviser:
    """Whoever looks at pairs before people do.

    Attributes:
        annotator: the name its labels go by, or empty when it gives none.
        read: from N pairs to probabilities (N, 3), None when it has none, and features (N, D).
    """

    annotator: str
    read: Callable[[Sequence[Example]], tuple[Floats | None, NDArray[Any]]]


def trained_adviser(folder: str, registry: Registry, device: str | None) -> Adviser:
    """Ask a trained model. Raises `PartystanceError` as `StanceClassifier`."""
    from partystance.predictor import StanceClassifier

    classifier = StanceClassifier(folder, registry=registry, device=device)
    return Adviser(
        f"model:{classifier.model_id}", lambda rows: classifier.represent(rows, progress="reading pairs")
    )


def light_adviser(labelled: Sequence[Example], features: Callable[[], NDArray[Any]]) -> Adviser:
    """Ask a quick classifier trained on labelled rows; `features` makes their `frozen_features` (N, D).

    With labels of one class only there is nothing to learn, and the adviser only tells pairs apart.
    """
    from partystance.features import frozen_features
    from partystance.light import LightClassifier

    truth = class_indices(row.label for row in labelled)
    if len(set(truth.tolist())) < 2:
        return Adviser("", lambda rows: (None, frozen_features(rows, progress="reading pairs")))
    classifier = LightClassifier.fit(features(), truth)

    def read(rows: Sequence[Example]) -> tuple[Floats, NDArray[Any]]:
        states = frozen_features(rows, progress="reading pairs")
        return classifier.predict_proba(states), states

    content = "\n".join(sorted(f"{normalise(row.text)}\t{row.party}\t{row.label}" for row in labelled))
    return Adviser(f"model:light@{hashlib.sha256(content.encode()).hexdigest()[:12]}", read)


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What to label next, best first.

    Attributes:
        rows: unlabelled examples; the adviser's label is in `annotations`.
        reasons: why each was chosen, in words.
        margins: by how much the adviser prefers its label in each row (N), None without an adviser.
        pool_margins: the same for all pairs it looked at.
    """

    rows: list[Example]
    reasons: list[str]
    margins: Floats | None = None
    pool_margins: Floats | None = None


def suggest(
    pool: Pool, adviser: Adviser, strategy: Strategy, n: int, per_article: int, seed: int
) -> Suggestions:
    """Choose the next n pairs to label; fewer where there are no more.

    Args:
        pool: pairs to choose from.
        adviser: says how sure it is, and what is like what.
        strategy: without probabilities, `mixed` means unlike each other, and `uncertain` is an error.
        n: how many.
        per_article: the most pairs of one article.
        seed: the same seed, the same choice.

    Raises:
        PartystanceError: nothing is left to label, or the strategy needs a model.
    """
    if not pool.examples:
        raise PartystanceError(
            f"nothing left to label: {pool.found} pairs found, {pool.labelled} labelled already, "
            f"{pool.copies} near-copies of those; give more articles"
        )
    if strategy is Strategy.UNCERTAIN and not adviser.annotator:
        raise PartystanceError(
            "--strategy uncertain needs somebody who can be unsure: give --model, or --labelled rows of two "
            "classes; or use --strategy mixed"
        )
    caps = _caps(pool, per_article)
    if strategy is Strategy.RANDOM:
        return _drawn(pool, adviser, take(random_order(len(pool.examples), seed), n, caps))
    probabilities, features = adviser.read(pool.examples)
    chosen = take(_order(strategy, probabilities, features, n, seed), n, caps)
    rows = [pool.examples[index] for index in chosen]
    if probabilities is None:
        return Suggestions(rows, ["stands for pairs like it"] * len(rows))
    return _advised(rows, adviser, probabilities[chosen], _margins(probabilities))


def _caps(pool: Pool, per_article: int) -> list[Cap]:
    parties = [row.party for row in pool.examples]
    return [
        Cap([row.doc_id for row in pool.examples], per_article),
        Cap(pool.clusters, PER_SENTENCE),
        Cap(list(zip(pool.clusters, parties, strict=True)), 1),
    ]


def _order(
    strategy: Strategy, probabilities: Floats | None, features: NDArray[Any], n: int, seed: int
) -> Order:
    if probabilities is None:
        return diverse_order(features, n, seed)
    if strategy is Strategy.UNCERTAIN:
        return uncertain_order(uncertainty(probabilities), seed)
    return mixed_order(probabilities, features, n, seed)


def _drawn(pool: Pool, adviser: Adviser, chosen: Sequence[int]) -> Suggestions:
    rows = [pool.examples[index] for index in chosen]
    probabilities = adviser.read(rows)[0] if adviser.annotator else None
    if probabilities is None:
        return Suggestions(rows, ["drawn at random"] * len(rows))
    return replace(_advised(rows, adviser, probabilities, None), reasons=["drawn at random"] * len(rows))


def _advised(
    rows: Sequence[Example], adviser: Adviser, probabilities: Floats, pool_margins: Floats | None
) -> Suggestions:
    likeliest = [
        [LABELS[index] for index in row] for row in np.argsort(-probabilities, axis=1, kind="stable")
    ]
    reasons = [
        f"{first} {values[-1]:.2f} or {second} {values[-2]:.2f}"
        for (first, second, _), values in zip(likeliest, np.sort(probabilities, axis=1), strict=True)
    ]
    labelled = [
        replace(row, annotations=(Annotation(adviser.annotator, first),))
        for row, (first, _, _) in zip(rows, likeliest, strict=True)
    ]
    return Suggestions(labelled, reasons, _margins(probabilities), pool_margins)


def _margins(probabilities: Floats) -> Floats:
    return 1 - uncertainty(probabilities)
