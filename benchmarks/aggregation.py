"""Majority against Dawid-Skene on simulated annotators of known quality.

    python benchmarks/aggregation.py

Needs partystance[crowd]; takes some seconds. Classes are as rare as in news. An annotator of accuracy .7 is
right on 70 % of the rows, and otherwise says one of the two other labels, each as often as the other; a
spammer says any of the three at random. Mean of 3 seeds, with the standard deviation of the accuracy.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from partystance.aggregation import dawid_skene, majority
from partystance.console import aligned
from partystance.metrics import CLASSES, Floats, Indices, brier, scores
from partystance.ratings import MISSING

ROWS = 2000
SEEDS = (1, 2, 3)
PRIORS = (0.10, 0.75, 0.15)
"""How frequent support, neutral and criticize are."""

SPAMMER = 1 / CLASSES
"""The accuracy of one who answers at random."""


class Scenario(NamedTuple):
    """Who labels: accuracies of the annotators, how many of them see each row, and how many rows there are."""

    name: str
    accuracies: Sequence[float]
    labels_a_row: int
    rows: int = ROWS


MIXED = (0.9, 0.8, 0.7, 0.6, SPAMMER)
SCENARIOS = (
    Scenario(".9 .8 .7 .6 and a spammer, all see every row", MIXED, 5),
    Scenario("the same, 3 of them a row", MIXED, 3),
    Scenario("the same, 2 of them a row", MIXED, 2),
    Scenario("the same, all see every row, 100 rows", MIXED, 5, 100),
    Scenario("five of .8", (0.8,) * 5, 5),
    Scenario(".9, .7 and .7", (0.9, 0.7, 0.7), 3),
    Scenario(".9 and three spammers", (0.9, SPAMMER, SPAMMER, SPAMMER), 4),
    Scenario("only .9 and .7", (0.9, 0.7), 2),
)


def simulate(scenario: Scenario, seed: int) -> tuple[Indices, Indices]:
    """Draw true classes (N,) and what annotators say of them (N, annotators), `MISSING` where unseen."""
    random = np.random.default_rng(seed)
    rows, annotators = scenario.rows, len(scenario.accuracies)
    true = random.choice(CLASSES, size=rows, p=PRIORS)
    wrong = (true[:, None] + random.integers(1, CLASSES, size=(rows, annotators))) % CLASSES
    labels = np.where(random.random((rows, annotators)) < scenario.accuracies, true[:, None], wrong)
    order = random.random((rows, annotators)).argsort(1).argsort(1)
    return true, np.where(order < scenario.labels_a_row, labels, MISSING)


def one_annotator(labels: Indices, accuracies: Sequence[float]) -> Floats:
    """What the best annotator says, fully sure; the most frequent class where they said nothing: (N, 3)."""
    best = labels[:, int(np.argmax(accuracies))]
    return np.eye(CLASSES)[np.where(best == MISSING, int(np.argmax(PRIORS)), best)]


def measure(scenario: Scenario, seed: int) -> Mapping[str, tuple[float, float, float]]:
    """Accuracy, macro-F1 and Brier score by method. A tie goes to the first class of it, as numpy counts."""
    true, labels = simulate(scenario, seed)
    answers = {
        "best annotator": one_annotator(labels, scenario.accuracies),
        "majority": majority(labels),
        "Dawid-Skene": dawid_skene(labels),
    }
    return {
        name: (measured["accuracy"], measured["macro_f1"], brier(true, p))
        for name, p in answers.items()
        for measured in [scores(true, p.argmax(1))]
    }


def main() -> None:
    """Print the table."""
    lines = [["annotators", "method", "accuracy", "macro-F1", "Brier score of soft labels"]]
    for scenario in tqdm(SCENARIOS, desc="scenarios"):
        runs = [measure(scenario, seed) for seed in SEEDS]
        for name in runs[0]:
            values = np.array([run[name] for run in runs])
            accuracy, macro_f1, loss = values.mean(0)
            cells = [f"{accuracy:.3f} ± {values[:, 0].std():.3f}", f"{macro_f1:.3f}", f"{loss:.3f}"]
            lines.append([scenario.name, name, *cells])
    print(aligned(lines))


if __name__ == "__main__":
    main()
