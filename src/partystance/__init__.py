"""partystance: who supports and who criticizes whom in the news, sentence by sentence."""

from partystance.schema import LABELS, Article, Example, Mention, Prediction, Sentence, Stance

__all__ = ["LABELS", "Article", "Example", "Mention", "Prediction", "Sentence", "Stance"]
