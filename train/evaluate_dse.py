"""DSE's own task: of two entities in a sentence, who supports or criticizes whom, if anybody?

    python train/evaluate_dse.py models/partystance-minilm path/to/dse/valid.txt --train path/to/dse/train.txt

Five classes: none, and support or criticism from the first to the second or from the second to the first.
The model is asked for the stance of either toward the other (`StanceClassifier.toward`); a relation is as
likely as its stance and no stance in return. Micro- and macro-F1 as in Park, Pan and Joo (Findings of ACL
2021), with 95 % intervals from resampling pairs. Half a minute.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from seeds import BOOTSTRAP

from partystance import StanceClassifier, metrics
from partystance.console import readable_errors
from partystance.errors import PartystanceError
from partystance.labels.dse import DIRECTIONS, RELATIONS, Pair, read_pairs
from partystance.schema import LABELS, Example, Mention, Stance

NAMES = (
    "none",
    "first supports second",
    "second supports first",
    "first criticizes second",
    "second criticizes first",
)
"""What the numbers of the file mean."""

MEASURES = {"micro-F1": metrics.accuracy, "macro-F1": metrics.macro_f1}


def main(
    model: Annotated[Path, typer.Argument(help="a run's folder")],
    pairs: Annotated[Path, typer.Argument(help="valid.txt or test.txt as published")],
    train: Annotated[
        Path | None, typer.Option(help="train.txt: pairs whose sentence is in it are left out")
    ] = None,
) -> None:
    """Print the scores of the five-way task.

    Example:

        python train/evaluate_dse.py models/partystance-minilm dse/valid.txt --train dse/train.txt
    """
    with readable_errors():
        asked = unseen_pairs(pairs, train)
        gold = np.array([int(pair.relation) for pair in asked])
        said = relations(StanceClassifier(model), asked).argmax(1)
        print(f"{len(asked)} pairs of {pairs}" + (", copies of training sentences left out" * bool(train)))
        matrices = confusion(gold, said)
        resampled = metrics.resample(matrices, **BOOTSTRAP)
        for name, score in MEASURES.items():
            interval = metrics.percentile_interval(score(resampled))
            print(f"{name:28} {score(matrices.sum(0)):.3f} [{interval.low:.3f}, {interval.high:.3f}]")
        for relation, f1 in enumerate(metrics.f1(matrices.sum(0))):
            print(f"F1, {NAMES[relation]:24} {f1:.3f}   {(gold == relation).sum()} pairs")


def unseen_pairs(pairs: Path, train: Path | None) -> list[Pair]:
    """Read the pairs of a file whose sentence is not in the training file.

    Raises:
        PartystanceError: there are none.
    """
    seen = {pair.text for pair in read_pairs(train)} if train else set()
    asked = [pair for pair in read_pairs(pairs) if pair.text not in seen]
    if not asked:
        raise PartystanceError(f"{pairs}: no pairs" + f" that are not in {train}" * bool(train))
    return asked


def relations(classifier: StanceClassifier, pairs: Sequence[Pair]) -> NDArray[np.float64]:
    """Return the probabilities of the five relations: (N, 5)."""
    asked = [row for pair in pairs for row in directions(pair)]
    said = np.array([prediction.probabilities for prediction in classifier.toward(asked)])
    stances = {direction: said[place :: len(DIRECTIONS)] for place, direction in enumerate(DIRECTIONS)}
    neutral = LABELS.index(Stance.NEUTRAL)
    likely = np.empty((len(pairs), len(RELATIONS)))
    likely[:, 0] = np.prod([found[:, neutral] for found in stances.values()], axis=0)
    for number, relation in RELATIONS.items():
        if relation:
            label, holder, target = relation
            in_return = stances[target, holder][:, neutral]
            likely[:, int(number)] = stances[holder, target][:, LABELS.index(label)] * in_return
    return likely / likely.sum(1, keepdims=True)


def directions(pair: Pair) -> list[tuple[Example, tuple[Mention]]]:
    """The two questions about a pair, in the order of `DIRECTIONS`."""
    rows = []
    for holder, target in DIRECTIONS:
        mention, asked = pair.entities[holder], pair.entities[target]
        row = Example(
            id=f"{pair.line}:{holder}",
            text=pair.text,
            party=asked.surface,
            mentions=(asked,),
            holder=mention.surface,
        )
        rows.append((row, (mention,)))
    return rows


def confusion(gold: NDArray[np.int64], said: NDArray[np.int64]) -> NDArray[np.float64]:
    """One matrix a pair: (N, 5, 5)."""
    matrices = np.zeros((len(gold), len(RELATIONS), len(RELATIONS)))
    matrices[np.arange(len(gold)), gold, said] = 1
    return matrices


if __name__ == "__main__":
    typer.run(main)
