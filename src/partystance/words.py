"""The words of a row as a bag: for classifiers that count, and for the likeness of two rows.

The mention itself is masked, so that the words decide and not who is meant; the words near it count once
more, by side.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from partystance.schema import Example

WINDOW = 3
"""Words on either side of the mention that count once more, by side; see docs/decisions.md."""

TARGET = "<target>"
_WORD = re.compile(r"\w+(?:['’]\w+)*|[?!]")


def word_features(example: Example) -> Iterator[str]:
    """Yield 1- and 2-grams of the sentence, its mentions masked, and those left and right of the target.

    Left means before the first mention, right after the last one, at most `WINDOW` words far.
    """
    pieces = list(_around(example))
    sentence = [word for piece in pieces for word in (*piece, TARGET)][:-1]
    yield from _grams(sentence, "")
    yield from _grams(pieces[0][-WINDOW:], "left:")
    yield from _grams(pieces[-1][:WINDOW], "right:")


def _around(example: Example) -> Iterator[list[str]]:
    """Yield the words before, between and after the mentions."""
    position = 0
    for mention in sorted(example.mentions, key=lambda mention: mention.start):
        yield _WORD.findall(example.text[position : mention.start].lower())
        position = mention.end
    yield _WORD.findall(example.text[position:].lower())


def _grams(words: Sequence[str], prefix: str) -> Iterator[str]:
    yield from (prefix + word for word in words)
    yield from (f"{prefix}{first} {second}" for first, second in pairwise(words))
