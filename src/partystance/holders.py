"""Who takes a stance: from a label's holder to the tokens that name it, from tokens' weights to a name."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from partystance.encoding import Window
from partystance.schema import AUTHOR, Example, Mention

AUTHOR_TOKEN = 0
"""The sentence's first, special token stands for the author."""

KEPT_SHARE = 0.2
"""A word beside the weightiest belongs to the same name when it has at least this share of its weight."""

_BREAKS = frozenset(',;:—–)]”"')


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

    It is `author`, the id of one of the parties, or words of the sentence: the weightiest of no party, and
    those beside it that have a fair share of its weight.

    Args:
        weights: (L), probabilities of the window's tokens.
        window: what was read.
        text: the sentence that the window's offsets count in.
        parties: the tokens of each party mentioned.
    """
    candidates = {AUTHOR: float(weights[AUTHOR_TOKEN])}
    taken = {AUTHOR_TOKEN}
    for party, tokens in parties.items():
        candidates[party] = float(weights[list(tokens)].sum())
        taken.update(tokens)
    free = [word for word in _words(window, text) if not taken.intersection(word.tokens)]
    if free:
        name, weight = _run(free, weights, text)
        candidates.setdefault(name, weight)
    holder = max(candidates, key=lambda name: candidates[name])
    return holder, candidates[holder]


@dataclass(frozen=True, slots=True)
class _Word:
    """What stands between two spaces: its place among the sentence's words, its tokens and its offsets."""

    place: int
    tokens: tuple[int, ...]
    start: int
    end: int


def _words(window: Window, text: str) -> list[_Word]:
    """The words of a window that have a letter or digit in them."""
    words: list[_Word] = []
    for place, span in enumerate(re.finditer(r"\S+", text)):
        tokens = window.tokens_of([Mention(span.start(), span.end(), span[0])])
        if tokens and any(character.isalnum() for character in span[0]):
            words.append(_Word(place, tokens, span.start(), span.end()))
    return words


def _run(words: Sequence[_Word], weights: NDArray[np.floating], text: str) -> tuple[str, float]:
    """The weightiest word with its neighbours of the same phrase, and what they weigh together."""
    heavy = [float(weights[list(word.tokens)].sum()) for word in words]
    peak = heavy.index(max(heavy))
    least = KEPT_SHARE * heavy[peak]
    first = last = peak
    while first > 0 and heavy[first - 1] >= least and _joined(words[first - 1], words[first], text):
        first -= 1
    while last + 1 < len(words) and heavy[last + 1] >= least and _joined(words[last], words[last + 1], text):
        last += 1
    start, end = words[first].start, words[last].end
    while not text[start].isalnum():
        start += 1
    while not text[end - 1].isalnum():
        end -= 1
    return text[start:end], sum(heavy[first : last + 1])


def _joined(one: _Word, other: _Word, text: str) -> bool:
    """Whether two words stand beside each other with no comma or the like between them."""
    return one.place + 1 == other.place and text[one.end - 1] not in _BREAKS


def same_holder(said: str, gold: str) -> bool:
    """Whether two names mean one holder: the same, or, being words of the sentence, one within the other.

    "Mr. Alston" and "Alston" are the same; so would be "the minister" and "minister". `author` and a party's
    id are only the same as themselves.
    """
    one, other = said.casefold(), gold.casefold()
    if AUTHOR in (one, other) or not (one and other):
        return one == other
    return _within(one, other) or _within(other, one)


def _within(words: str, longer: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(words)}(?!\w)", longer) is not None
