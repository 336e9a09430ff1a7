"""From the parties of a registry to patterns: each folded alias with what it may stand for and when not.

A pattern belongs to one party; only leaders may share one (a person who led two parties), told apart by date.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

from partystance.errors import InputError, did_you_mean
from partystance.folding import Folded, fold_alias
from partystance.party_schema import Alias, Ambiguity, Party

TERM_MARGIN = timedelta(days=90)
"""A leader counts this long before and after a term: as president-elect, and while the news catches up."""

EXCLUSION = "exclusion"
"""The kind of a phrase that is matched only to keep its words from counting."""

ANY_NAME = "<Name>"
"""In `dropped_after` and `dropped_before`: any capitalised word, as in a person's name."""

_KINDS = ("name", "alias", "demonym", "capital", "leader", EXCLUSION)
_FIRST_DAY, _LAST_DAY = date.min + TERM_MARGIN, date.max - TERM_MARGIN

_NO_NAMES = (
    "president|prime|minister|foreign|defense|defence|finance|interior|king|queen|prince|"
    "crown|chancellor|ambassador|government|parliament|army|police|navy|air|military|"
    "national|supreme|court|central|ministry|envoy|general|monday|tuesday|wednesday|thursday|"
    "friday|saturday|sunday|january|february|march|april|may|june|july|august|september|"
    "october|november|december|and|but|or|is|has|was|were|will|would|says|said|to|in|"
    "on|at|as|of|for|from|with|by|the|a|an|while|when|if|although|because|since|after|"
    "before|that|than|near|inside|outside"
)
"""Capitalised words beside a country that make no person of it: offices, days, words that open sentences."""

_NEXT_NAME = re.compile(rf" (?!(?i:{_NO_NAMES})\b)[A-Z][\w'-]*")
_PREVIOUS_NAME = re.compile(rf"(?<![\w.'-])(?!(?i:{_NO_NAMES})\b)[A-Z][\w.'-]* $")


@dataclass(frozen=True, slots=True)
class Rule:
    """An `Ambiguity`, compiled: each list is one regular expression over the folded text (None: no list)."""

    after: re.Pattern[str] | None
    before: re.Pattern[str] | None
    after_name: bool
    before_name: bool
    dropped: re.Pattern[str] | None
    kept: re.Pattern[str] | None
    only: re.Pattern[str] | None
    instead: str
    window: int

    def drops(self, text: Folded, start: int, end: int) -> bool:
        """Return whether the words around a match (folded offsets) say that something else is meant."""
        return self._beside(text, start, end) or self._near(text.lower, start, end)

    def _beside(self, text: Folded, start: int, end: int) -> bool:
        nearby = max(0, start - 40)
        return bool(
            (self.after and self.after.search(text.lower, nearby, start))
            or (self.before and self.before.match(text.lower, end))
            or (self.after_name and _PREVIOUS_NAME.search(text.cased, nearby, start))
            or (self.before_name and _NEXT_NAME.match(text.cased, end))
        )

    def _near(self, lower: str, start: int, end: int) -> bool:
        """The nearest clue decides; on a tie, and without a clue, the match is kept (unless `only` asks)."""
        low, high = max(0, start - self.window), min(len(lower), end + self.window)
        low = max(low, lower.rfind("\n", low, start) + 1)
        high = min(high, lower.find("\n", end, high) % (high + 1))  # not found is -1, which is `high` here
        if self.only and not self.only.search(lower, low, high):
            return True
        against = _distance(self.dropped, lower, low, high, start)
        return against < _distance(self.kept, lower, low, high, start)


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a matched pattern may stand for. `terms` is empty for anything but a leader."""

    party: str
    kind: str
    cased: str
    case_sensitive: bool = False
    terms: tuple[tuple[date, date], ...] = ()
    rules: tuple[Rule, ...] = ()

    def fits_case(self, surface: str) -> bool:
        """Return whether a surface has a capital wherever the alias has one, if it must."""
        if not self.case_sensitive or surface == self.cased:
            return True
        return all(s.isupper() for s, c in zip(surface, self.cased, strict=True) if c.isupper())

    def in_office(self, day: date | None) -> bool:
        """Return whether a leader holds office around a day; true of all else, and without a day."""
        if day is None or not self.terms:
            return True
        return any(since - TERM_MARGIN <= day <= until + TERM_MARGIN for since, until in self.terms)


def compile_patterns(
    parties: dict[str, Party], exclusions: Iterable[Alias], source: str
) -> dict[str, tuple[Candidate, ...]]:
    """Return every folded pattern with what it may stand for, the best first.

    Raises:
        InputError: two parties, or a party and an exclusion, claim one alias; an ambiguity names an alias
            or a party that does not exist.
    """
    patterns: dict[str, list[Candidate]] = {}
    for party in parties.values():
        rules = _rules(party, parties, source)
        for kind, alias, terms in aliases_of(party):
            lower, cased = fold_alias(alias.text)
            new = Candidate(party.id, kind, cased, alias.needs_capitals(), terms, tuple(rules.get(lower, ())))
            _add(patterns.setdefault(lower, []), new, alias.text, source)
    dropped = (alias for party in parties.values() for alias in party.exclusions)
    for alias in (*dropped, *exclusions):
        lower, cased = fold_alias(alias.text)
        new = Candidate("", EXCLUSION, cased, alias.needs_capitals())
        _add(patterns.setdefault(lower, []), new, alias.text, source)
    return {lower: tuple(sorted(found, key=_rank)) for lower, found in sorted(patterns.items())}


def aliases_of(party: Party) -> Iterator[tuple[str, Alias, tuple[tuple[date, date], ...]]]:
    """Yield (kind, alias, terms of office) for every way to write a party; terms only of leaders."""
    yield "name", Alias(text=party.name), ()
    for kind, aliases in (("alias", party.aliases), ("demonym", party.demonyms)):
        yield from ((kind, alias, ()) for alias in aliases)
    yield from (("capital", _capitalised(alias), ()) for alias in party.capitals)
    for name in sorted({leader.name for leader in party.leaders}):
        entries = [leader for leader in party.leaders if leader.name == name]
        terms = tuple(sorted((e.since or _FIRST_DAY, e.until or _LAST_DAY) for e in entries))
        for alias in (Alias(text=name), *(alias for e in entries for alias in e.aliases)):
            yield "leader", _capitalised(alias), terms


def _capitalised(alias: Alias) -> Alias:
    return alias if alias.case_sensitive is not None else Alias(text=alias.text, case_sensitive=True)


def _add(found: list[Candidate], new: Candidate, text: str, source: str) -> None:
    """Add a candidate to its pattern. A party's second claim only makes the case stricter."""
    for i, old in enumerate(found):
        if old.kind == "leader" and new.kind == "leader":
            continue
        if old.party != new.party:
            claims = " and by ".join(
                sorted(f"'{c.party}'" if c.party else "an exclusion" for c in (old, new))
            )
            raise InputError(source, f"{text!r} is claimed by {claims}; keep it in one of them")
        found[i] = replace(old, case_sensitive=old.case_sensitive or new.case_sensitive)
        return
    found.append(new)


def _rank(candidate: Candidate) -> tuple[int, int, str]:
    """Names before leaders, the latest leader first."""
    latest = max((since for since, _ in candidate.terms), default=date.min)
    return _KINDS.index(candidate.kind), -latest.toordinal(), candidate.party


def _rules(party: Party, parties: dict[str, Party], source: str) -> dict[str, list[Rule]]:
    """Return a party's compiled ambiguities by folded alias."""
    known = {fold_alias(alias.text)[0]: alias.text for _, alias, _ in aliases_of(party)}
    rules: dict[str, list[Rule]] = {}
    for ambiguity in party.ambiguities:
        if ambiguity.instead and ambiguity.instead not in parties:
            hint = did_you_mean(ambiguity.instead, list(parties))
            raise InputError(
                source, f"party '{party.id}': no party '{ambiguity.instead}' to take instead{hint}"
            )
        rule = _compile_rule(ambiguity)
        for text in ambiguity.aliases:
            lower, _ = fold_alias(text)
            if lower not in known:
                hint = did_you_mean(text, list(known.values()))
                raise InputError(
                    source, f"party '{party.id}': the ambiguous {text!r} is no alias of it{hint}"
                )
            rules.setdefault(lower, []).append(rule)
    return rules


def _compile_rule(ambiguity: Ambiguity) -> Rule:
    after, before = _any_of(ambiguity.dropped_after), _any_of(ambiguity.dropped_before)
    return Rule(
        after=re.compile(rf"(?<!\w){after}[ -]?$") if after else None,
        before=re.compile(rf"(?:'s)?[ ,-]+{before}(?!\w)") if before else None,
        after_name=ANY_NAME in ambiguity.dropped_after,
        before_name=ANY_NAME in ambiguity.dropped_before,
        dropped=_whole_words(ambiguity.dropped_near),
        kept=_whole_words(ambiguity.kept_near),
        only=_whole_words(ambiguity.only_near),
        instead=ambiguity.instead or "",
        window=ambiguity.window,
    )


def _whole_words(phrases: Iterable[str]) -> re.Pattern[str] | None:
    words = _any_of(phrases)
    return re.compile(rf"(?<!\w){words}(?!\w)") if words else None


def _any_of(phrases: Iterable[str]) -> str:
    words = [re.escape(fold_alias(phrase)[0]) for phrase in phrases if phrase != ANY_NAME]
    return f"(?:{'|'.join(words)})" if words else ""


def _distance(clue: re.Pattern[str] | None, lower: str, low: int, high: int, start: int) -> float:
    """Return how far the nearest clue begins from a match, infinity when there is none."""
    if clue is None:
        return float("inf")
    return min(
        (abs(found.start() - start) for found in clue.finditer(lower, low, high)), default=float("inf")
    )
