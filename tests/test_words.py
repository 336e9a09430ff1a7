"""The bag of words of a row, by hand."""

from partystance.schema import Example, Mention
from partystance.words import word_features


def example(text: str, surface: str) -> Example:
    start = text.index(surface)
    return Example("x", text, surface.lower(), (Mention(start, start + len(surface), surface),))


def test_words_do_not_see_who_is_meant() -> None:
    left = example("The envoy thanked Norland at length.", "Norland")
    right = example("The envoy thanked Sudland at length.", "Sudland")
    assert list(word_features(left)) == list(word_features(right))


def test_features_by_hand() -> None:
    text = "Norland met Norland?"
    row = Example("x", text, "norland", (Mention(12, 19, "Norland"), Mention(0, 7, "Norland")))
    assert list(word_features(row)) == [
        "<target>", "met", "<target>", "?", "<target> met", "met <target>", "<target> ?", "right:?",
    ]  # fmt: skip
