"""Folding a text for matching without losing where its characters were.

Names are written with curly or straight quotes, exotic spaces, composed, decomposed or no accents, soft hyphens,
and in capitals. `fold` maps all of these to one form and remembers, for each folded character, the span of the
original it came from: a base character with its combining marks is one unit that a match takes whole or not at all.
"""

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import lru_cache

_SPECIAL = re.compile(r"[!-~]?[^\x00-\x7f]+|[ \t\n\r\f\v]{2,}|[\t\n\r\f\v]")
"""What does not fold to itself: non-ASCII runs (with the character a mark may sit on) and runs of white space."""

_BREAK = re.compile(r"\n[ \t\r\f\v]*\n")

_PLAIN = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛ʼʹ′＇`´", "'"),
        **dict.fromkeys("“”„‟″«»", '"'),
        **dict.fromkeys("‐‑‒–−﹣－", "-"),
    }
)
_INVISIBLE = frozenset(
    "\u00ad\u200c\u200d\u2060\ufeff\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text: `lower` (for search) and `cased` (same length, capitals kept).

    `_at[i]` is a folded position and `_spans[i]` the original (start, end) of the unit there; a unit that is
    longer than one character on both sides alike (`linear`) stands for a whole stretch of plain text.
    """

    lower: str
    cased: str
    _at: list[int] = field(default_factory=list)
    _spans: list[tuple[int, int, bool]] = field(default_factory=list)

    def original(self, start: int, end: int) -> tuple[int, int] | None:
        """Return the original offsets of a folded span, or None where it would cut a unit in two."""
        if not self._at:
            return start, end
        first, last = self._unit(start), self._unit(end - 1)
        if start > 0 and self._unit(start - 1) == first:
            return None
        if end < len(self.lower) and self._unit(end) == last:
            return None
        return first[0], last[1]

    def _unit(self, position: int) -> tuple[int, int]:
        i = bisect_right(self._at, position) - 1
        start, end, linear = self._spans[i]
        if not linear:
            return start, end
        start += position - self._at[i]
        return start, start + 1


def fold(text: str) -> Folded:
    """Fold a text: case, accents, quotes, dashes, white space, invisible characters; any Unicode is accepted.

    A run of white space becomes one space, an empty line one newline, so that a name may wrap around a line but
    not around a paragraph.
    """
    if text.isascii() and not _SPECIAL.search(text):
        return Folded(text.lower(), text)
    cased: list[str] = []
    at: list[int] = []
    spans: list[tuple[int, int, bool]] = []
    length = done = 0

    def emit(piece: str, start: int, end: int, linear: bool) -> None:
        nonlocal length
        if piece:
            cased.append(piece)
            at.append(length)
            spans.append((start, end, linear))
            length += len(piece)

    for match in _SPECIAL.finditer(text):
        emit(text[done : match.start()], done, match.start(), True)
        if match[0].isascii():
            emit("\n" if _BREAK.search(match[0]) else " ", match.start(), match.end(), False)
        else:
            for piece, start, end in _units(match[0]):
                emit(piece, match.start() + start, match.start() + end, False)
        done = match.end()
    emit(text[done:], done, len(text), True)
    whole = "".join(cased)
    return Folded(whole.lower() if len(whole.lower()) == len(whole) else _lower(whole), whole, at, spans)


def fold_alias(text: str) -> tuple[str, str]:
    """Return the `lower` and `cased` folded forms of an alias."""
    folded = fold(text.strip())
    return folded.lower, folded.cased


def _units(run: str) -> list[tuple[str, int, int]]:
    """Split a run into units: a base character with the marks after it; invisible characters stand for nothing."""
    units: list[tuple[str, int, int]] = []
    for i, character in enumerate(run):
        if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me"):
            if units and units[-1][2] == i:
                units[-1] = (units[-1][0], units[-1][1], i + 1)
        elif character not in _INVISIBLE:
            units.append((_fold_character(character), i, i + 1))
    return units


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    """Return what one character folds to, never empty; a character whose small form is longer folds to that."""
    if character.isspace() or character == "\u200b":
        return " "
    plain = character.translate(_PLAIN)
    if plain != character:
        return plain
    decomposed = unicodedata.normalize("NFKD", character)
    kept = "".join(c for c in decomposed if not unicodedata.combining(c))
    kept = "".join(c if len(c.casefold()) == 1 else c.casefold() for c in kept)
    return kept or character


def _lower(text: str) -> str:
    """Lower character by character, for the few whose lower form depends on the neighbours or is longer."""
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
