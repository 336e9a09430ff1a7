"""What a model has to beat: the most frequent label, the rules, and the words around the mention.

    python train/baselines.py data/built/demo --split validation

Fits each baseline on the train split and prints its scores on another one. Validation rows choose one setting
(C of the logistic regression) and nothing else. A held-out split is refused without `--final`. Some seconds.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Protocol, Self

import numpy as np
import typer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from partystance.console import readable_errors
from partystance.errors import PartystanceError
from partystance.labels.rules import rule_answers
from partystance.metrics import CLASSES, Floats, class_indices, scores, summary
from partystance.parties import Registry
from partystance.report.evaluation import text_table
from partystance.schema import Example
from partystance.tables import read_examples
from partystance.words import word_features

OPEN_SPLITS = ("train", "validation")
"""What may be looked at while settings are chosen; every other split is held out."""

STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
"""Values of C, the inverse of the regularisation's strength, to choose from."""


class Baseline(Protocol):
    """Something fitted on rows that says how probable each stance is."""

    @classmethod
    def fit(cls, train: Sequence[Example], validation: Sequence[Example]) -> Self:
        """Learn from the train rows; validation rows may only choose settings."""
        ...

    def predict_proba(self, examples: Sequence[Example]) -> Floats:
        """Return probabilities (N, 3), columns in the order of `LABELS`."""
        ...


class Majority:
    """Answers every row with the label frequencies of the train split."""

    def __init__(self, frequencies: Floats) -> None:
        self.frequencies = frequencies

    @classmethod
    def fit(cls, train: Sequence[Example], validation: Sequence[Example]) -> Self:
        """Count the labels of the train rows."""
        counts = np.bincount(gold(train), minlength=CLASSES)
        return cls(counts / counts.sum())

    def predict_proba(self, examples: Sequence[Example]) -> Floats:
        """Return the same frequencies for every row: (N, 3)."""
        return np.tile(self.frequencies, (len(examples), 1))


class Rules:
    """The rule labeller; it learns nothing, and is always fully sure."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry

    @classmethod
    def fit(cls, train: Sequence[Example], validation: Sequence[Example]) -> Self:
        """Load the shipped parties: who acts matters as much as on whom."""
        return cls(Registry.shipped())

    def predict_proba(self, examples: Sequence[Example]) -> Floats:
        """Return 1 for the label that the rules give and 0 for the others: (N, 3)."""
        answers = rule_answers(examples, self.registry)
        return np.eye(CLASSES)[class_indices(answer.label for answer in answers)]


class BagOfWords:
    """TF-IDF of words and pairs of words, and logistic regression with balanced classes.

    The mention itself is masked, so that the words decide and not who is meant; the words near it count once
    more, by side (`word_features`).
    """

    def __init__(self, vectorizer: TfidfVectorizer, classifier: LogisticRegression) -> None:
        self.vectorizer, self.classifier = vectorizer, classifier

    @classmethod
    def fit(cls, train: Sequence[Example], validation: Sequence[Example]) -> Self:
        """Fit on the train rows with each C of `STRENGTHS`; keep the best macro-F1 on the validation rows.

        Raises:
            PartystanceError: the train rows have one label only.
        """
        truth = gold(train)
        if len(set(truth.tolist())) < 2:
            raise PartystanceError(f"all {len(train)} train rows are {train[0].label!r}: nothing to learn")
        vectorizer = TfidfVectorizer(
            analyzer=word_features,  # pyright: ignore[reportArgumentType] (its stubs know no callables)
            min_df=min(2, len(train)),
            sublinear_tf=True,
        )
        words = vectorizer.fit_transform(train)
        candidates = (
            LogisticRegression(C=strength, class_weight="balanced", max_iter=1000).fit(words, truth)
            for strength in STRENGTHS
        )
        held, expected = vectorizer.transform(validation), gold(validation)
        best = max(candidates, key=lambda c: scores(expected, c.predict(held))["macro_f1"])
        return cls(vectorizer, best)

    def predict_proba(self, examples: Sequence[Example]) -> Floats:
        """Return the regression's probabilities; 0 for a label that the train split lacks: (N, 3)."""
        probabilities = np.zeros((len(examples), CLASSES))
        words = self.vectorizer.transform(examples)
        probabilities[:, self.classifier.classes_] = self.classifier.predict_proba(words)
        return probabilities


BASELINES: dict[str, type[Baseline]] = {
    "majority": Majority,
    "rules": Rules,
    "TF-IDF + logistic regression": BagOfWords,
}


def gold(rows: Sequence[Example]) -> np.ndarray:
    """Return the class index of every row's label."""
    return class_indices(row.label for row in rows)


def groups(rows: Sequence[Example]) -> list[str]:
    """Return what is resampled as a whole, row by row."""
    return [row.cluster for row in rows]


def read_split(data: Path, split: str) -> list[Example]:
    """Read a split of a built dataset.

    Raises:
        PartystanceError: no such dataset or split, no rows, or a row without a label.
    """
    path = data / f"{split}.parquet"
    if not path.is_file():
        there = ", ".join(sorted(file.stem for file in data.glob("*.parquet")))
        hint = (
            f"splits there: {there}"
            if there
            else "build it: python data/build_dataset.py configs/data/<name>.yaml"
        )
        raise PartystanceError(f"{path}: no such file ({hint})")
    rows = list(read_examples(path))
    without = [row.id for row in rows if not row.label]
    if without or not rows:
        raise PartystanceError(f"{path}: {f'row {without[0]!r} has no label' if without else 'no rows'}")
    return rows


def refuse_held_out(split: str, final: bool) -> None:
    """Exit with status 2 when a held-out split is asked for without `--final`."""
    if split in OPEN_SPLITS or final:
        return
    print(
        f"error: split {split!r} is held out: once settings are chosen by its scores, they no longer tell "
        "how well new articles would do. Score --split validation while you work; add --final when nothing "
        "will be changed any more.",
        file=sys.stderr,
    )
    raise typer.Exit(2)


def fit_and_predict(data: Path, rows: Sequence[Example]) -> Iterator[tuple[str, Floats]]:
    """Fit every baseline on a dataset's train split and yield its name and probabilities for `rows`."""
    train = [row for row in read_split(data, "train") if not row.of_one_holder]
    validation = read_split(data, "validation")
    for name, baseline in tqdm(BASELINES.items(), desc="baselines", unit="baseline"):
        yield name, baseline.fit(train, validation).predict_proba(rows)


def main(
    data: Annotated[Path, typer.Argument(help="a built dataset")],
    split: Annotated[str, typer.Option(help="which rows to score")] = "validation",
    final: Annotated[bool, typer.Option("--final", help="score a held-out split")] = False,
) -> None:
    """Score the baselines on a split of a built dataset.

    Example:

        python train/baselines.py data/built/demo --split validation
    """
    refuse_held_out(split, final)
    with readable_errors():
        rows = read_split(data, split)
        table = {
            name: summary(gold(rows), p.argmax(1), p, groups(rows)) for name, p in fit_and_predict(data, rows)
        }
        print(text_table(table))


if __name__ == "__main__":
    typer.run(main)
