"""What quick classifiers say of each labelled row, having learnt from the other articles only.

Two logistic regressions, averaged: one on words, one on the states of a frozen MiniLM, both told what the
rules say. `benchmarks/label_errors.py` compares this with its parts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.preprocessing import StandardScaler

from partystance.errors import PartystanceError
from partystance.features import frozen_features
from partystance.labels.rules import RuleLabel, rule_answers
from partystance.metrics import CLASSES, Floats, Indices, class_indices
from partystance.parties import Registry
from partystance.schema import Example
from partystance.splits import article_keys
from partystance.words import word_features

FOLDS = 5


@dataclass(frozen=True, slots=True)
class Views:
    """Three views of the same N rows, none of which knows a label.

    Attributes:
        words: the features of `words.word_features`.
        rules: the rule labeller's answers.
        states: `frozen_features`, (N, 2 H).
        groups: the article of each row.
    """

    words: list[list[str]]
    rules: list[RuleLabel]
    states: NDArray[np.float32]
    groups: list[str]

    @classmethod
    def of(cls, rows: Sequence[Example], registry: Registry) -> "Views":
        """Look at the rows; the registry finds who else is named in a sentence."""
        words = [list(word_features(row)) for row in rows]
        groups = [article_keys(row)[0] for row in rows]
        return cls(words, rule_answers(rows, registry), frozen_features(rows, progress="reading"), groups)

    def rule_columns(self) -> Floats:
        """Return 1 for the class that the rules name and 0 for the others: (N, 3)."""
        return np.eye(CLASSES)[class_indices(answer.label for answer in self.rules)]


Member = Callable[[Views, Indices, Indices], tuple[Any, Any]]
"""From views, train rows and test rows to the features of either."""


def words_and_rules(views: Views, train: Indices, test: Indices) -> tuple[Any, Any]:
    """Return TF-IDF of the words, and the rules' answers."""
    vectorizer = word_vectorizer().fit([views.words[i] for i in train])
    rules = views.rule_columns()
    both = (
        hstack([vectorizer.transform([views.words[i] for i in part]), csr_matrix(rules[part])]).tocsr()
        for part in (train, test)
    )
    return next(both), next(both)


def states_and_rules(views: Views, train: Indices, test: Indices) -> tuple[Any, Any]:
    """Return standardised states, scaled to the length of a TF-IDF vector, and the rules' answers."""
    scaler, rules = StandardScaler().fit(views.states[train]), views.rule_columns()
    length = np.sqrt(views.states.shape[1])
    both = (np.hstack([scaler.transform(views.states[part]) / length, rules[part]]) for part in (train, test))
    return next(both), next(both)


MEMBERS: tuple[Member, ...] = (words_and_rules, states_and_rules)


def word_vectorizer() -> TfidfVectorizer:
    """Return TF-IDF over `Views.words`."""
    # An analyzer that is a function gets each row's list of features as it is; sklearn's stubs know none.
    return TfidfVectorizer(analyzer=list, min_df=2, sublinear_tf=True)  # pyright: ignore[reportArgumentType]


def out_of_fold(views: Views, truth: Indices, members: Sequence[Member] = MEMBERS, seed: int = 13) -> Floats:
    """Return the mean probabilities of some classifiers that have not seen a row's article: (N, 3).

    Args:
        views: of the rows.
        truth: their class indices (N,).
        members: the classifiers' features.
        seed: of the division into folds.

    Raises:
        PartystanceError: fewer articles than folds, or a fold leaves only one class to learn from.
    """
    if len(set(views.groups)) < FOLDS:
        raise PartystanceError(
            f"out-of-fold predictions need labelled rows of at least {FOLDS} articles (doc_id or group), "
            f"not {len(set(views.groups))}"
        )
    probabilities = np.zeros((len(truth), CLASSES))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    for train, test in folds.split(truth, truth, views.groups):
        if len(set(truth[train])) < 2:
            raise PartystanceError("out-of-fold predictions need two classes in more than one article")
        for member in members:
            seen, unseen = member(views, train, test)
            classifier = LogisticRegression(max_iter=500, tol=1e-3).fit(seen, truth[train])
            columns = np.ix_(test, classifier.classes_)
            probabilities[columns] += classifier.predict_proba(unseen) / len(members)
    return probabilities
