"""Folding a text for matching without losing where its characters were.

Names are written with curly or straight quotes, exotic spaces, composed, decomposed or no accents, soft
hyphens, in capitals. `fold` maps all of these to one form and remembers, for each folded character, the span
of the original it came from: a character with its combining marks is one unit, taken whole or not at all.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

_SPACES = r"[ \t\n\r\f\v]{2,}"
_RUN = re.compile(_SPACES)
_SPECIAL = re.compile(rf"[!-~]?[^\x00-\x7f]+|{_SPACES}")
"""What does not fold in place: non-ASCII runs (with the character a mark may sit on), runs of white space."""

_BREAK = re.compile(r"\n[ \t\r\f\v]*\n")
_WHITE = str.maketrans(dict.fromkeys("\t\n\r\f\v", " "))
_SIGNS = {
    **dict.fromkeys("‘’‚‛ʼʹ′＇´", "'"),
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("‐‑‒–−﹣－", "-"),  # not the em dash: it joins clauses, not words
    "\u200b": " ",
}
_ACCENTS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]")
_INVISIBLE = re.compile("[\u00ad\u200c-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff]")


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text: `lower` to search in, and `cased`, equally long, with its capitals kept.

    Stretch i begins at folded position `_at[i]` and comes from `_spans[i]`: (start, end, linear) of the
    original, character by character where linear, as one unit where not. No stretches: nothing moved.
    """

    lower: str
    cased: str
    _at: list[int] = field(default_factory=list)
    _spans: list[tuple[int, int, bool]] = field(default_factory=list)

    def original(self, start: int, end: int) -> tuple[int, int] | None:
        """Return the original offsets of a folded span, or None where it would cut a unit in two."""
        if not self._at:
            return start, end
        i = bisect_right(self._at, start) - 1
        first, stretch_end, linear = self._spans[i]
        if linear:
            first += start - self._at[i]
            if first + end - start <= stretch_end:
                return first, first + end - start
        elif start > self._at[i]:
            return None
        j = bisect_right(self._at, end - 1, i) - 1
        last, last_end, linear = self._spans[j]
        if linear:
            return first, last + end - self._at[j]
        whole = j + 1 == len(self._at) or self._at[j + 1] == end
        return (first, last_end) if whole else None


def fold(text: str) -> Folded:
    """Fold case, accents, quotes, dashes, white space and invisible characters; takes any Unicode.

    A run of white space becomes one space, or one newline where it holds an empty line: a name may wrap
    around a line but not around a paragraph.
    """
    if text.isascii() and not _RUN.search(text):
        cased = text.translate(_WHITE)
        return Folded(cased.lower(), cased)
    pieces: list[str] = []
    at: list[int] = []
    spans: list[tuple[int, int, bool]] = []
    length = 0
    for piece, start, end, linear in _stretches(text):
        pieces.append(piece)
        at.append(length)
        spans.append((start, end, linear))
        length += len(piece)
    cased = "".join(pieces)
    return Folded(cased.casefold(), cased, at, spans)


def fold_alias(text: str) -> tuple[str, str]:
    """Return the `lower` and `cased` forms of an alias."""
    folded = fold(text.strip())
    return folded.lower, folded.cased


def _stretches(text: str) -> Iterator[tuple[str, int, int, bool]]:
    """Yield (folded, start, end, linear) for the plain stretches and the special units of a text."""
    done = 0
    for match in _SPECIAL.finditer(text):
        if done < match.start():
            yield text[done : match.start()].translate(_WHITE), done, match.start(), True
        done = match.end()
        if match[0].isascii():
            yield "\n" if _BREAK.search(match[0]) else " ", match.start(), done, False
        else:
            yield from _units(match[0], match.start())
    if done < len(text):
        yield text[done:].translate(_WHITE), done, len(text), True


def _units(run: str, offset: int) -> list[tuple[str, int, int, bool]]:
    """Split a run into characters with the accents after them; invisible characters stand for nothing."""
    units: list[tuple[str, int, int, bool]] = []
    for i, character in enumerate(run, offset):
        kind = _character(character)
        if kind:
            units.append((kind, i, i + 1, False))
        elif units and _ACCENTS.match(character):
            piece, start, _, _ = units[-1]
            units[-1] = (piece, start, i + 1, False)
    return units


@lru_cache(maxsize=8192)
def _character(character: str) -> str:
    """Return what one character folds to, capitals kept: '' for accents and invisible characters.

    Characters whose small form is longer (the German sharp s) fold to it at once, so that `cased` and its
    case-folded form stay equally long.
    """
    if character in _SIGNS:
        return _SIGNS[character]
    if character.isspace():
        return " "
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", _INVISIBLE.sub("", character)))
    return "".join(c if len(c.casefold()) == 1 else c.casefold() for c in plain)
