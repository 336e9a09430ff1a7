"""Who supports and who criticizes whom in the news: stance toward parties, sentence by sentence."""

from typing import TYPE_CHECKING, Any

from partystance.schema import LABELS, Article, Example, Mention, Prediction, Sentence, Stance

if TYPE_CHECKING:
    from partystance.predictor import StanceClassifier

__all__ = ["LABELS", "Article", "Example", "Mention", "Prediction", "Sentence", "Stance", "StanceClassifier"]


def __getattr__(name: str) -> Any:
    """Import the classifier, and with it torch, only when somebody asks for it."""
    if name == "StanceClassifier":
        from partystance.predictor import StanceClassifier

        return StanceClassifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
