"""Who takes a stance: from a label's holder to the tokens that name it, from tokens' weights to a name."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from partystance.encoding import Window
from partystance.schema import AUTHOR, Example, Mention

AUTHOR_TOKEN = 0
"""The sentence's first, special token stands for the author."""

KEPT_SHARE = 0.2
"""A token beside the weightiest belongs to the same name when it has at least this share of its weight."""


def holder_tokens(window: Window, row: Example, rows: Sequence[Example]) -> tuple[int, ...]:
    """Return the tokens that name a row's holder; empty when it has none or the window does not name it.

    Args:
        window: what is read of the row's sentence.
        row: the row.
        rows: all rows of its sentence: a holder that is a party is where that party is mentioned.
    """
    if row.holder == AUTHOR:
        return (AUTHOR_TOKEN,)
    party = [mention for other in rows if other.party == row.holder for mention in other.mentions]
    return window.tokens_of(party or _named(row)) if row.holder else ()


def _named(row: Example) -> list[Mention]:
    """Where a row's sentence has its holder's name as written, the row's own mentions left out."""
    places = re.finditer(rf"(?<!\w){re.escape(row.holder)}(?!\w)", row.text)
    own = [range(mention.start, mention.end) for mention in row.mentions]
    return [
        Mention(place.start(), place.end(), place[0])
        for place in places
        if not any(place.start() < span.stop and span.start < place.end() for span in own)
    ]


def name_holder(
    weights: NDArray[np.floating], window: Window, text: str, parties: Mapping[str, Sequence[int]]
) -> tuple[str, float]:
    """Return the likeliest holder and its probability.

    It is `author`, the id of one of the parties, or words of the sentence: those around the weightiest token
    of no party that have a fair share of its weight.

    Args:
        weights: (L), probabilities of the window's tokens.
        window: what was read.
        text: the sentence that the window's offsets count in.
        parties: the tokens of each party mentioned.
    """
    candidates = {AUTHOR: float(weights[AUTHOR_TOKEN])}
    free = weights[: len(window.offsets)].copy()
    free[[start == end for start, end in window.offsets]] = 0
    for party, tokens in parties.items():
        candidates[party] = float(weights[list(tokens)].sum())
        free[list(tokens)] = 0
    if free.any():
        start, end, weight = _run(free, window.offsets, text)
        candidates.setdefault(text[start:end], weight)
    holder = max(candidates, key=lambda name: candidates[name])
    return holder, candidates[holder]


def _run(
    weights: NDArray[np.floating], offsets: Sequence[tuple[int, int]], text: str
) -> tuple[int, int, float]:
    """The whole words around the weightiest token (start, end) and what they weigh together."""
    peak = int(weights.argmax())
    least = KEPT_SHARE * weights[peak]
    first = last = peak
    while (
        first > 0
        and weights[first - 1] > 0
        and (weights[first - 1] >= least or _joined(offsets, first, text))
    ):
        first -= 1
    while (
        last + 1 < len(weights)
        and weights[last + 1] > 0
        and (weights[last + 1] >= least or _joined(offsets, last + 1, text))
    ):
        last += 1
    weight = float(weights[first : last + 1].sum())
    start, end = offsets[first][0], offsets[last][1]
    while start < end and not text[start].isalnum():
        start += 1
    while end > start and not (text[end - 1].isalnum() or text[end - 1] == "."):
        end -= 1
    return start, end, weight


def _joined(offsets: Sequence[tuple[int, int]], token: int, text: str) -> bool:
    """Whether a token goes on with the word of the one before it."""
    (_, before), (start, _) = offsets[token - 1], offsets[token]
    return before == start and text[before - 1 : before].isalnum() and text[start : start + 1].isalnum()
