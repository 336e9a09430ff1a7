"""How many labels that were made wrong on purpose are among the first suspects.

    python benchmarks/label_errors.py           # 5 % of the shipped labels, seeds 1 to 3: two minutes
    python benchmarks/label_errors.py my/labels.jsonl --share 0.1 --seeds 10

Flips labels to one of the other two classes, by chance, and looks for them: with the classifiers that
`partystance check --suspects` uses and with their parts, and with other orders that cleanlab knows. `ours` is
what the command does. Recall at 50 is the share of all flipped labels that the first 50 suspects hold; 50
rows cannot hold more than the last line says.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from numpy.typing import NDArray

from partystance.metrics import CLASSES, Floats, Indices, class_indices
from partystance.out_of_fold import (
    MEMBERS,
    Views,
    out_of_fold,
    states_and_rules,
    word_vectorizer,
    words_and_rules,
)
from partystance.parties import Registry
from partystance.schema import Example
from partystance.suspects import by_suspicion
from partystance.tables import read_examples

LABELS_FILE = Path(__file__).parent.parent / "data" / "labels" / "invented.jsonl"
READ = (50, 100)
"""How many suspects somebody reads."""

OTHER_SCORES = ("normalized_margin", "confidence_weighted_entropy")
FILTERS = ("prune_by_noise_rate", "prune_by_class", "both", "confident_learning", "predicted_neq_given")


def words_alone(views: Views, train: Indices, test: Indices) -> tuple[Any, Any]:
    """Return TF-IDF of the words: what a search for label errors usually starts with."""
    vectorizer = word_vectorizer().fit([views.words[i] for i in train])
    seen, unseen = (vectorizer.transform([views.words[i] for i in part]) for part in (train, test))
    return seen, unseen


CLASSIFIERS = {
    "words": (words_alone,),
    "words + rules": (words_and_rules,),
    "MiniLM + rules": (states_and_rules,),
    "ours": MEMBERS,
}


def flip(labels: Indices, share: float, seed: int) -> tuple[Indices, NDArray[np.bool_]]:
    """Return the labels, a share of them changed to another class, and which ones were."""
    random, flipped = np.random.default_rng(seed), np.zeros(len(labels), dtype=bool)
    flipped[random.choice(len(labels), round(share * len(labels)), replace=False)] = True
    noisy = labels.copy()
    noisy[flipped] = (noisy[flipped] + random.integers(1, CLASSES, flipped.sum())) % CLASSES
    return noisy, flipped


def orders(views: Views, given: Indices) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """Yield the name of a way to order rows, and the order."""
    probabilities = np.empty((0, CLASSES))
    for name, members in CLASSIFIERS.items():
        probabilities = out_of_fold(views, given, members)
        yield name, by_suspicion(given, probabilities)
    yield from other_orders(given, probabilities)


def other_orders(given: Indices, probabilities: Floats) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """Yield other orders of the same probabilities: by another score, or flagged rows before the others."""
    for score in OTHER_SCORES:
        quality = get_label_quality_scores(given, probabilities, method=score)
        yield f"ours, by {score}", np.argsort(quality, kind="stable")
    ours = by_suspicion(given, probabilities)
    for name in FILTERS:
        flagged: Any = find_label_issues(given, probabilities, filter_by=name, n_jobs=1)
        yield f"ours, {name} first", ours[np.argsort(~flagged[ours], kind="stable")]


def recalls(rows: Sequence[Example], share: float, seeds: int) -> tuple[int, dict[str, list[Floats]]]:
    """Return how many labels were flipped, and the recalls at `READ` by order, one a seed."""
    truth = class_indices(row.label for row in rows)
    views, table = Views.of(rows, Registry.shipped()), {}
    flips = 0
    for seed in range(1, seeds + 1):
        given, flipped = flip(truth, share, seed)
        flips = int(flipped.sum())
        for name, order in orders(views, given):
            found = np.array([flipped[order[:read]].sum() / flips for read in READ])
            table.setdefault(name, []).append(found)
    return flips, table


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("labels", nargs="?", type=Path, default=LABELS_FILE)
    parser.add_argument("--share", type=float, default=0.05, help="of labels to flip")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    rows = [row for row in read_examples(arguments.labels) if row.label]
    flips, table = recalls(rows, arguments.share, arguments.seeds)
    print(f"{len(rows)} rows, {flips} flipped, seeds 1 to {arguments.seeds}\n")
    print("| order | " + " | ".join(f"recall at {read} | flipped of {read}" for read in READ) + " |")
    print("|---" * (1 + 2 * len(READ)) + "|")
    table["by chance"] = [np.array(READ) / len(rows)]
    table["the most there can be"] = [np.minimum(1, np.array(READ) / flips)]
    for name, found in table.items():
        mean = np.mean(found, axis=0)
        cells = (f"{recall:.1%} | {recall * flips:.1f}" for recall in mean)
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
