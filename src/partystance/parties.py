"""The party registry: YAML files of parties -> mentions with offsets and canonical ids.

All aliases of all parties are one Aho-Corasick automaton over the folded text (see `folding`), so the cost of
a text does not grow with the number of aliases. Of overlapping matches the leftmost wins, then the longest; a
match stands between word boundaries, and an exclusion takes its words without being a mention.
"""

import hashlib
import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Self

from ahocorasick_rs import AhoCorasick, MatchKind

from partystance.configs import load_config
from partystance.errors import PartystanceError
from partystance.folding import Folded, fold
from partystance.party_patterns import EXCLUSION, compile_patterns
from partystance.party_schema import Alias, Party, RegistryFile, merge
from partystance.schema import Mention

_WORD = re.compile(
    "[^\\W\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff]"
    "|[\u0590-\u05cf\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0dff]"
)
"""A character that continues a word: letters, digits and vowel signs, but none of the scripts that write no
space between words (Thai, Lao, Burmese, Khmer, Han, Kana, Hangul)."""


class _Joins(dict[str, bool]):
    """Whether a character continues a word, found out once per character: asked twice per match."""

    def __missing__(self, character: str) -> bool:
        self[character] = joins = _WORD.match(character) is not None
        return joins


_JOINS = _Joins()

_LINK = re.compile(r"(?:https?://|www\.)\S+|(?<![\w.+-])[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+")
_SUSPENDED = re.compile("- (?:and|or|to|,)")

_Found = tuple[int, int, tuple[int, int], tuple[str, str]]
"""Folded start and end, original start and end, party and kind."""


@dataclass(frozen=True, slots=True)
class PartyMention(Mention):
    """A mention with the party it names.

    `kind` says what matched: name, alias, demonym, capital or leader. `modifier` is true where a hyphen makes
    the mention part of another word (`pro-Russian`, `U.S.-led`), not where it joins two parties (`US-China`).
    """

    party: str = ""
    kind: str = ""
    modifier: bool = False


class Registry:
    """Every party of some YAML files, and the automaton that finds them.

    Attributes:
        parties: the merged parties by id, sorted.
        digest: SHA-256 of the merged content, the same whatever the order, layout or comments of the files.
    """

    parties: dict[str, Party]
    digest: str

    def __init__(
        self, parties: dict[str, Party], exclusions: Iterable[Alias] = (), source: str = "registry"
    ) -> None:
        exclusions = list(exclusions)
        self.parties = parties
        content = [party.model_dump_json() for party in parties.values()]
        content.append(json.dumps(sorted({alias.model_dump_json() for alias in exclusions})))
        self.digest = hashlib.sha256("\n".join(content).encode()).hexdigest()
        patterns = compile_patterns(parties, exclusions, source)
        self._candidates = list(patterns.values())
        self._automaton = AhoCorasick(list(patterns), matchkind=MatchKind.Standard)

    @classmethod
    def load(cls, *paths: Path | str) -> Self:
        """Read and merge YAML files, in any order.

        Raises:
            InputError: a file is missing or breaks the schema, or two parties claim the same alias.
        """
        if not paths:
            raise PartystanceError("no registry given: name at least one YAML file of parties")
        files = [(Path(path), load_config(RegistryFile, path)) for path in paths]
        parties = merge((path, party) for path, file in files for party in file.parties)
        exclusions = [alias for _, file in files for alias in file.exclusions]
        return cls(parties, exclusions, ", ".join(sorted(str(path) for path, _ in files)))

    @classmethod
    def shipped(cls) -> Self:
        """Read the registries that travel in the wheel, or in a checkout those of `configs/parties`."""
        folder = Path(__file__).parent / "registries"
        if not folder.is_dir():  # a checkout: building a wheel copies the one to the other
            folder = Path(__file__).parents[2] / "configs" / "parties"
        return cls.load(*sorted(folder.glob("*.yaml")))

    def id_of(self, words: str) -> str:
        """Return the id of the party that some words are a name of, else the words."""
        found = self.find(words)
        return found[0].party if found and (found[0].start, found[0].end) == (0, len(words)) else words

    def find(self, text: str, date: date | str | None = None) -> list[PartyMention]:
        """Return the mentions in a text, in order and without overlap.

        Args:
            text: anything; offsets count its code points.
            date: the article's date, or ISO text that begins with it. With a date a leader counts only within
                `TERM_MARGIN` of a term of office; other text counts as no date.
        """
        folded = fold(text)
        found = list(self._resolve(folded, _day(date)))
        edges = {edge for start, end, *_ in found for edge in (start, end)}
        mentions = []
        for start, end, (first, last), (party, kind) in found:
            modifier = _is_modifier(folded.lower, start, end, edges)
            mentions.append(PartyMention(first, last, text[first:last], party, kind, modifier))
        return mentions

    def _resolve(self, text: Folded, day: date | None) -> Iterator[_Found]:
        """Yield of all matches the leftmost, then longest, that stand up."""
        free = 0
        for start, negative_end, pattern in self._bounded(text):
            end = -negative_end
            if start < free or (span := text.original(start, end)) is None:
                continue
            meaning = self._meaning(pattern, text, start, end, day)
            if meaning is None:
                continue
            free = end
            if meaning[1] != EXCLUSION:
                yield start, end, span, meaning

    def _bounded(self, text: Folded) -> list[tuple[int, int, int]]:
        """Return (start, -end, pattern) of all matches between word boundaries, sorted."""
        lower, size, joins = text.lower, len(text.lower), _JOINS
        links = (
            [edge for link in _LINK.finditer(lower) for edge in link.span()] if _may_have_links(lower) else []
        )
        matches = []
        for pattern, start, end in self._automaton.find_matches_as_indexes(lower, overlapping=True):
            if start and joins[lower[start - 1]] and joins[lower[start]]:
                continue
            if end < size and joins[lower[end]] and (lower[end - 1] == "." or joins[lower[end - 1]]):
                continue
            if links and bisect_right(links, start) % 2:  # an odd number of edges before it: inside a link
                continue
            matches.append((start, -end, pattern))
        matches.sort()
        return matches

    def _meaning(
        self, pattern: int, text: Folded, start: int, end: int, day: date | None
    ) -> tuple[str, str] | None:
        """Return (party, kind) of a match, or None when case, date or the words around speak against it."""
        surface = text.cased[start:end]
        for candidate in self._candidates[pattern]:
            if not candidate.fits_case(surface) or not candidate.in_office(day):
                continue
            against = next((rule for rule in candidate.rules if rule.drops(text, start, end)), None)
            if against is None:
                return candidate.party, candidate.kind
            if against.instead:
                return against.instead, candidate.kind
        return None


def _day(value: date | str | None) -> date | None:
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value[:10])
    except ValueError:
        return None


def _may_have_links(lower: str) -> bool:
    return "://" in lower or "www." in lower or "@" in lower


def _is_modifier(lower: str, start: int, end: int, edges: set[int]) -> bool:
    """Return whether a hyphen ties the mention to a word that is no mention itself."""
    if start > 1 and lower[start - 1] == "-" and lower[start - 2].isalnum() and start - 1 not in edges:
        return True
    if not lower.startswith("-", end) or end + 1 in edges:
        return False
    return lower[end + 1 : end + 2].isalnum() or _SUSPENDED.match(lower, end) is not None
