"""A classifier of features that is fitted in a second: for choosing what to label, not for publishing."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from partystance.metrics import CLASSES, Floats, Indices

STRENGTH = 0.002
"""C of the logistic regression; from 0.001 to 0.003 nothing changes between 100 and 5,000 rows."""


class LightClassifier:
    """Logistic regression with balanced classes on standardised features; made by `fit`."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    @classmethod
    def fit(cls, features: NDArray[Any], labels: Indices) -> Self:
        """Learn from features (N, D) and class indices (N,).

        Raises:
            ValueError: the rows have one class only.
        """
        regression = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=1000)
        with threadpool_limits(1):  # for so little work, threads cost more than they bring: six times faster
            return cls(make_pipeline(StandardScaler(), regression).fit(features, labels))

    def predict_proba(self, features: NDArray[Any]) -> Floats:
        """Return probabilities (N, 3) in the order of `LABELS`; 0 for a class that was never seen."""
        probabilities = np.zeros((len(features), CLASSES))
        probabilities[:, self._pipeline.classes_] = self._pipeline.predict_proba(features)
        return probabilities

    def predict(self, features: NDArray[Any]) -> Indices:
        """Return the likeliest class of each row: (N,)."""
        return self._pipeline.predict(features).astype(np.int64)
