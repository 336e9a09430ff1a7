"""Majority against Dawid-Skene on simulated annotators of known quality.

    python benchmarks/aggregation.py

Needs partystance[crowd]; takes some 20 seconds. Classes are as rare as in news: support .10, neutral .75,
criticize .15. Annotators are of four kinds: `even` .7 is right on 70 % of the rows of each class, else says
one of the other two, each as often; `cautious` .7 sees 70 % of support and criticism and takes the rest for
neutral; a spammer says any label at random; an idler always says neutral. One-coin Dawid-Skene, which gives
an annotator one accuracy for all classes, is there to show why it is not what we ship.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from crowdkit.aggregation import OneCoinDawidSkene
from tqdm import tqdm

from partystance.aggregation import crowd_answers, dawid_skene, majority
from partystance.console import aligned
from partystance.metrics import CLASSES, Floats, Indices, brier, scores
from partystance.ratings import MISSING

SEEDS = (1, 2, 3)
PRIORS = np.array([0.10, 0.75, 0.15])
"""How frequent support, neutral and criticize are."""


def even(accuracy: float) -> Floats:
    """What an annotator says (columns) of each true class (rows), when errors go anywhere: (3, 3)."""
    return np.where(np.eye(CLASSES, dtype=bool), accuracy, (1 - accuracy) / (CLASSES - 1))


def cautious(recall: float) -> Floats:
    """What an annotator says who misses stances but hardly ever invents one: (3, 3)."""
    return np.array([[recall, 1 - recall, 0], [0.02, 0.96, 0.02], [0, 1 - recall, recall]])


SPAMMER = np.full((CLASSES, CLASSES), 1 / CLASSES)
IDLER = np.array([[0.0, 1.0, 0.0]] * CLASSES)


class Scenario(NamedTuple):
    """Who labels, how many of them see each row, and how many rows there are."""

    name: str
    annotators: Sequence[Floats]
    labels_a_row: int
    rows: int = 2000


EVEN = (even(0.9), even(0.8), even(0.7), even(0.6), SPAMMER)
CAUTIOUS = (cautious(0.9), cautious(0.8), cautious(0.7), cautious(0.6), IDLER)
SCENARIOS = (
    Scenario("even .9 .8 .7 .6, spammer", EVEN, 5),
    Scenario("- 3 of them a row", EVEN, 3),
    Scenario("- 100 rows", EVEN, 5, 100),
    Scenario("cautious .9 .8 .7 .6, idler", CAUTIOUS, 5),
    Scenario("- 3 of them a row", CAUTIOUS, 3),
    Scenario("- 100 rows", CAUTIOUS, 5, 100),
    Scenario("even .9 .7", (even(0.9), even(0.7)), 2),
    Scenario("even .9, three spammers", (even(0.9), SPAMMER, SPAMMER, SPAMMER), 4),
)


def simulate(scenario: Scenario, seed: int) -> tuple[Indices, Indices]:
    """Draw true classes (N,) and what annotators say of them (N, annotators), `MISSING` where unseen."""
    random = np.random.default_rng(seed)
    true = random.choice(CLASSES, size=scenario.rows, p=PRIORS)
    said = [
        (random.random((scenario.rows, 1)) > confusion[true].cumsum(1)[:, :-1]).sum(1)
        for confusion in scenario.annotators
    ]
    labels = np.stack(said, 1)
    order = random.random(labels.shape).argsort(1).argsort(1)
    return true, np.where(order < scenario.labels_a_row, labels, MISSING)


def best_annotator(true: Indices, labels: Indices) -> Floats:
    """What the one who is right most often says, fully sure; neutral where they saw nothing: (N, 3)."""
    guess = int(np.argmax(PRIORS))
    answers = np.where(labels == MISSING, guess, labels)
    return np.eye(CLASSES)[answers[:, (answers == true[:, None]).mean(0).argmax()]]


def measure(scenario: Scenario, seed: int) -> Mapping[str, tuple[float, float, float]]:
    """Accuracy, macro-F1 and Brier score by method; ties are broken at random."""
    true, labels = simulate(scenario, seed)
    answers = {
        "best annotator": best_annotator(true, labels),
        "majority": majority(labels),
        "Dawid-Skene": dawid_skene(labels),
        "one-coin Dawid-Skene": crowd_answers(OneCoinDawidSkene(n_iter=100), labels),
    }
    noise = np.random.default_rng(seed).random((len(true), CLASSES)) * 1e-9
    found: dict[str, tuple[float, float, float]] = {}
    for name, p in answers.items():
        measured = scores(true, (p + noise).argmax(1))
        found[name] = (measured["accuracy"], measured["macro_f1"], brier(true, p))
    return found


def main() -> None:
    """Print the table: means of the seeds, with the standard deviation of the accuracy."""
    lines = [["annotators", "method", "accuracy", "macro-F1", "Brier score"]]
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
