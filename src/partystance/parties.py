"""The party registry: YAML files of parties -> mentions with offsets and canonical ids.

All aliases of all parties are one Aho-Corasick automaton over the folded text (see `folding`), so the cost of a
text does not grow with the number of aliases. Of overlapping matches the leftmost wins, then the longest; a
match must stand between word boundaries, and an exclusion takes its words without being a mention.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Self

from ahocorasick_rs import AhoCorasick, MatchKind

from partystance.configs import load_config
from partystance.errors import InputError, PartystanceError, did_you_mean
from partystance.folding import Folded, fold, fold_alias
from partystance.party_schema import Alias, Ambiguity, Party, RegistryFile, merge
from partystance.schema import Mention

TERM_MARGIN = timedelta(days=90)
"""A leader counts this long before and after the term: as president-elect, and while the news catches up."""

_KINDS = ("name", "alias", "demonym", "capital", "leader")
_EXCLUSION = "exclusion"

_OFFICE_WORDS = frozenset(
    "president prime minister foreign defense defence finance interior king queen prince crown chancellor ambassador "
    "government parliament army police navy air military national supreme court central ministry envoy general "
    "monday tuesday wednesday thursday friday saturday sunday january february march april may june july august "
    "september october november december and is has was will says said to in on at as of the a".split()
)


@dataclass(frozen=True, slots=True)
class PartyMention(Mention):
    """A mention with the party it names.

    `kind` says what matched: name, alias, demonym, capital or leader. `modifier` is true where a hyphen makes the
    mention a part of another word (`pro-Russian`, `U.S.-led`), but not where it joins two parties (`US-China`).
    """

    party: str = ""
    kind: str = ""
    modifier: bool = False


@dataclass(frozen=True, slots=True)
class _Rule:
    """An `Ambiguity`, compiled: each list one regular expression over the folded text (None: no list)."""

    before: re.Pattern[str] | None
    after: re.Pattern[str] | None
    name_before: bool
    name_after: bool
    dropped: re.Pattern[str] | None
    kept: re.Pattern[str] | None
    only: re.Pattern[str] | None
    instead: str
    window: int

    def drops(self, text: Folded, start: int, end: int) -> bool:
        """Return whether the words around a match say that something else is meant."""
        if self.before and self.before.search(text.lower, max(0, start - 40), start):
            return True
        if self.after and self.after.match(text.lower, end):
            return True
        if (self.name_after and _NAME_AFTER.match(text.cased, end) and _next_is_name(text, end)) or (
            self.name_before and _previous_is_name(text, start)
        ):
            return True
        low, high = max(0, start - self.window), end + self.window
        if self.kept and self.kept.search(text.lower, low, high):
            return False
        if self.only and not self.only.search(text.lower, low, high):
            return True
        return bool(self.dropped and self.dropped.search(text.lower, low, high))


@dataclass(frozen=True, slots=True)
class _Candidate:
    """What a matched pattern may stand for. `terms` is empty for anything but a leader."""

    party: str
    kind: str
    cased: str
    case_sensitive: bool
    terms: tuple[tuple[date, date], ...]
    rules: tuple[_Rule, ...]

    def fits_case(self, surface: str) -> bool:
        """Return whether the text has a capital wherever the alias has one, if it must."""
        if not self.case_sensitive or surface == self.cased:
            return True
        return all(s.isupper() for s, c in zip(surface, self.cased, strict=True) if c.isupper())

    def in_office(self, day: date | None) -> bool:
        """Return whether a leader holds office around a day; always true of other kinds or without a day."""
        if day is None or not self.terms:
            return True
        return any(since - TERM_MARGIN <= day <= until + TERM_MARGIN for since, until in self.terms)


class Registry:
    """Every party of some YAML files, and the automaton that finds them.

    Attributes:
        parties: the merged parties by id.
        digest: SHA-256 of the merged content; equal for equal registries whatever the files' order or comments.
    """

    parties: dict[str, Party]
    digest: str

    def __init__(
        self, parties: dict[str, Party], exclusions: Iterable[Alias] = (), source: str = "registry"
    ) -> None:
        self.parties = parties
        extra = sorted(alias.model_dump_json() for alias in set(exclusions))
        content = json.dumps([[p.model_dump_json() for p in parties.values()], extra])
        self.digest = hashlib.sha256(content.encode()).hexdigest()
        patterns = _compile(parties, exclusions, source)
        self._candidates = [tuple(found) for found in patterns.values()]
        self._automaton = AhoCorasick(list(patterns), matchkind=MatchKind.Standard)

    @classmethod
    def load(cls, *paths: Path | str) -> Self:
        """Read and merge YAML files.

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
        if not folder.is_dir():  # a checkout: the build copies the one to the other
            folder = Path(__file__).parents[2] / "configs" / "parties"
        return cls.load(*sorted(folder.glob("*.yaml")))

    def find(self, text: str, date: date | str | None = None) -> list[PartyMention]:
        """Return the mentions in a text, in order and without overlap.

        Args:
            text: anything; offsets count its code points.
            date: the article's date (ISO text or a date). With it a leader counts only within `TERM_MARGIN` of a
                term of office; text that is no ISO date counts as no date.
        """
        folded = fold(text)
        day = _day(date)
        found = list(self._resolve(folded, day))
        spans = {start for start, *_ in found} | {end for _, end, *_ in found}
        mentions = []
        for start, end, party, kind in found:
            first, last = folded.original(start, end) or (0, 0)
            modifier = _is_modifier(folded.lower, start, end, spans)
            mentions.append(PartyMention(first, last, text[first:last], party, kind, modifier))
        return mentions

    def _resolve(self, text: Folded, day: date | None) -> Iterator[tuple[int, int, str, str]]:
        """Yield (start, end, party, kind) in folded offsets: leftmost-longest of all that stands up."""
        free = 0
        for start, longest, pattern in self._bounded(text):
            end = -longest
            if start < free or text.original(start, end) is None:
                continue
            meaning = self._meaning(pattern, text, start, end, day)
            if meaning is None:
                continue
            free = end
            if meaning[1] != _EXCLUSION:
                yield start, end, *meaning

    def _bounded(self, text: Folded) -> list[tuple[int, int, int]]:
        """Return (start, -end, pattern) of all matches between word boundaries, leftmost and longest first."""
        lower, size, matches = text.lower, len(text.lower), []
        for pattern, start, end in self._automaton.find_matches_as_indexes(lower, overlapping=True):
            if end < size and _joins(lower[end]) and _joins(lower[end - 1], True):
                continue
            if start and _joins(lower[start - 1]) and _joins(lower[start]):
                continue
            matches.append((start, -end, pattern))
        matches.sort()
        return matches

    def _meaning(
        self, pattern: int, text: Folded, start: int, end: int, day: date | None
    ) -> tuple[str, str] | None:
        surface = text.cased[start:end]
        for candidate in self._candidates[pattern]:
            if not candidate.fits_case(surface) or not candidate.in_office(day):
                continue
            dropping = [rule for rule in candidate.rules if rule.drops(text, start, end)]
            if not dropping:
                return candidate.party, candidate.kind
            if dropping[0].instead:
                return dropping[0].instead, candidate.kind
        return None


def _day(value: date | str | None) -> date | None:
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value[:10])
    except ValueError:
        return None


@lru_cache(maxsize=8192)
def _joins(character: str, dot: bool = False) -> bool:
    """Return whether a character continues a word; those of scripts without spaces between words never do."""
    if dot and character == ".":
        return True
    return (character.isalnum() or character == "_") and not _UNSPACED.match(character)


_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff]"
)
_NAME_AFTER = re.compile(r" ([^\W\d_][\w'-]*)")
_NAME_BEFORE = re.compile(r"([^\W\d_][\w.'-]*) $")


def _next_is_name(text: Folded, end: int) -> bool:
    match = _NAME_AFTER.match(text.cased, end)
    return bool(match and match[1][0].isupper() and match[1].lower() not in _OFFICE_WORDS)


def _previous_is_name(text: Folded, start: int) -> bool:
    match = _NAME_BEFORE.search(text.cased[max(0, start - 40) : start])
    return bool(match and match[1][0].isupper() and match[1].lower() not in _OFFICE_WORDS)


def _is_modifier(lower: str, start: int, end: int, spans: set[int]) -> bool:
    """Return whether a hyphen ties the mention to a word that is no mention itself."""
    before = start > 1 and lower[start - 1] == "-" and lower[start - 2].isalnum() and start - 1 not in spans
    after = end + 1 < len(lower) and lower[end] == "-" and lower[end + 1].isalnum() and end + 1 not in spans
    return before or after


def _compile(
    parties: dict[str, Party], exclusions: Iterable[Alias], source: str
) -> dict[str, list[_Candidate]]:
    """Return every folded pattern with what it may stand for, the best first."""
    patterns: dict[str, list[_Candidate]] = {}
    for party in parties.values():
        rules = _rules(party, parties, source)
        for kind, alias, terms in _aliases(party):
            lower, cased = fold_alias(alias.text)
            sensitive = alias.needs_capitals()
            candidate = _Candidate(party.id, kind, cased, sensitive, terms, tuple(rules.get(lower, ())))
            _add(patterns.setdefault(lower, []), candidate, alias.text, source)
    dropped = [alias for party in parties.values() for alias in party.exclusions]
    for alias in sorted({*dropped, *exclusions}, key=lambda a: a.model_dump_json()):
        lower, cased = fold_alias(alias.text)
        candidate = _Candidate("", _EXCLUSION, cased, alias.needs_capitals(), (), ())
        _add(patterns.setdefault(lower, []), candidate, alias.text, source)
    return dict(sorted(patterns.items()))


def _aliases(party: Party) -> Iterator[tuple[str, Alias, tuple[tuple[date, date], ...]]]:
    """Yield every way to write a party with its kind, and the terms of office of a leader."""
    strict = {alias.text for alias in party.aliases if alias.case_sensitive}
    yield "name", Alias(text=party.name, case_sensitive=party.name in strict or None), ()
    for alias in party.aliases:
        yield "alias", alias, ()
    for alias in party.demonyms:
        yield "demonym", alias, ()
    for alias in party.capitals:
        yield "capital", _capitalised(alias), ()
    for name in sorted({leader.name for leader in party.leaders}):
        entries = [leader for leader in party.leaders if leader.name == name]
        terms = tuple((e.since or date.min + TERM_MARGIN, e.until or date.max - TERM_MARGIN) for e in entries)
        for alias in (Alias(text=name), *(alias for e in entries for alias in e.aliases)):
            yield "leader", _capitalised(alias), terms


def _capitalised(alias: Alias) -> Alias:
    return alias if alias.case_sensitive is not None else alias.model_copy(update={"case_sensitive": True})


def _add(found: list[_Candidate], new: _Candidate, text: str, source: str) -> None:
    """Add a candidate to those of its pattern, the best kind first; leaders may share a name between parties."""
    for old in found:
        if old.party == new.party:
            if old.kind != "leader":
                return
            continue
        if old.kind != "leader" or new.kind != "leader":
            claims = " and ".join(sorted(f"'{c.party or 'an exclusion'}'" for c in (old, new)))
            raise InputError(source, f"alias {text!r} is claimed by {claims}; keep it in one of them")
    found.append(new)
    found.sort(
        key=lambda c: (_KINDS.index(c.kind) if c.kind in _KINDS else 0, [-t[0].toordinal() for t in c.terms])
    )


def _rules(party: Party, parties: dict[str, Party], source: str) -> dict[str, list[_Rule]]:
    """Return a party's compiled ambiguities by folded alias."""
    known = {fold_alias(alias.text)[0]: alias.text for _, alias, _ in _aliases(party)}
    rules: dict[str, list[_Rule]] = {}
    for ambiguity in party.ambiguities:
        if ambiguity.instead and ambiguity.instead not in parties:
            hint = did_you_mean(ambiguity.instead, list(parties))
            raise InputError(
                source, f"party '{party.id}': ambiguity with instead '{ambiguity.instead}', no party{hint}"
            )
        rule = _rule(ambiguity)
        for text in ambiguity.aliases:
            lower, _ = fold_alias(text)
            if lower not in known:
                hint = did_you_mean(text, list(known.values()))
                raise InputError(
                    source, f"party '{party.id}': ambiguity of {text!r}, which is none of its aliases{hint}"
                )
            rules.setdefault(lower, []).append(rule)
    return rules


def _rule(ambiguity: Ambiguity) -> _Rule:
    before, after = _words(ambiguity.dropped_after), _words(ambiguity.dropped_before)
    return _Rule(
        before=re.compile(rf"(?<!\w)(?:{before})[ -]?$") if before else None,
        after=re.compile(rf"(?:'s)?[ ,-]+(?:{after})(?!\w)") if after else None,
        name_before="<Name>" in ambiguity.dropped_after,
        name_after="<Name>" in ambiguity.dropped_before,
        dropped=_near(ambiguity.dropped_near),
        kept=_near(ambiguity.kept_near),
        only=_near(ambiguity.only_near),
        instead=ambiguity.instead or "",
        window=ambiguity.window,
    )


def _near(phrases: Iterable[str]) -> re.Pattern[str] | None:
    words = _words(phrases)
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)") if words else None


def _words(phrases: Iterable[str]) -> str:
    return "|".join(re.escape(fold_alias(phrase)[0]) for phrase in phrases if phrase != "<Name>")
