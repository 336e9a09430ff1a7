"""Scores of one recipe over its seeds: by seed, their mean, and how sure that is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from partystance import metrics
from partystance.metrics import Groups, Indices
from partystance.schema import LABELS

BOOTSTRAP = {"n_resamples": 1000, "seed": 13}


@dataclass(frozen=True, slots=True)
class OverSeeds:
    """Macro-F1 by seed, its mean and the mean's 95 % interval; F1 by class, mean of the seeds."""

    by_seed: list[float]
    macro_f1: float
    interval: tuple[float, float]
    f1: dict[str, float]


def over_seeds(truth: Indices, articles: Groups, said: Sequence[Indices]) -> OverSeeds:
    """Score what each seed's model says.

    The interval is that of the seeds' mean, the same articles resampled for all of them.

    Args:
        truth: class indices (N,).
        articles: what is resampled as a whole, row by row (N,).
        said: class indices (N,) of each seed.
    """
    resampled, matrices = [], []
    for labels in said:
        sums = metrics.group_matrices(truth, labels, articles)
        resampled.append(metrics.macro_f1(metrics.resample(sums, **BOOTSTRAP)))
        matrices.append(sums.sum(0))
    by_seed = [float(metrics.macro_f1(matrix)) for matrix in matrices]
    interval = metrics.percentile_interval(np.mean(resampled, axis=0))
    f1 = np.mean([metrics.f1(matrix) for matrix in matrices], axis=0)
    return OverSeeds(
        by_seed=by_seed,
        macro_f1=float(np.mean(by_seed)),
        interval=(float(interval.low), float(interval.high)),
        f1=dict(zip(LABELS, f1.tolist(), strict=True)),
    )
