"""The registry file: what a YAML of parties may hold, checked when it is read.

`configs/parties/README.md` explains each key with examples. Several files may describe one party; `merge`
joins them into the same party whatever their order.
"""

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from partystance.configs import StrictModel
from partystance.errors import InputError

PartyKind = Literal[
    "country", "alliance", "bloc", "organisation", "armed-group", "entity", "political-party", "person"
]
PartyId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]


def _has_letters(text: str) -> str:
    if not any(character.isalnum() for character in text):
        raise ValueError("an alias needs a letter or digit")
    return text


Phrase = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_has_letters)]


class Alias(StrictModel):
    """One way to write a party. In YAML a plain string, or a mapping when the case must be said.

    `case_sensitive` asks for a capital wherever the alias has one (`the West` then matches `THE WEST`, not
    `the west`). Left out, it holds for leaders, capitals and abbreviations of up to three letters.
    """

    text: Phrase
    case_sensitive: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_string(cls, value: Any) -> Any:
        if isinstance(value, bool):
            raise ValueError("YAML reads this word as true/false: put it in quotes")
        return {"text": value} if isinstance(value, str) else value

    def needs_capitals(self) -> bool:
        """Return whether the text must have the alias's capitals."""
        if self.case_sensitive is not None:
            return self.case_sensitive
        letters = [c for c in self.text if c.isalpha()]
        return len(letters) <= 3 and all(c.isupper() for c in letters)


class Leader(StrictModel):
    """Who leads or speaks for a party, and when. Two entries of one name are two terms of office.

    `name` counts as written; `aliases` are shorter forms (a surname) that are safe in the news.
    """

    name: Phrase
    aliases: tuple[Alias, ...] = ()
    since: date | None = None
    until: date | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.since and self.until and self.until < self.since:
            raise ValueError(f"{self.name}: until {self.until} is before since {self.since}")
        return self


class Ambiguity(StrictModel):
    """When some aliases of a party mean something else, told by the words around them.

    `dropped_after` and `dropped_before` look at the neighbouring word (`<Name>`: any capitalised word that is
    no office or day), the `near` lists at `window` characters of the paragraph on both sides: the nearest of
    `dropped_near` and `kept_near` decides, and with `only_near` nothing counts without one of its words.
    `instead` names the party that is meant where this one is dropped.
    """

    aliases: tuple[Phrase, ...] = Field(min_length=1)
    dropped_after: tuple[Phrase, ...] = ()
    dropped_before: tuple[Phrase, ...] = ()
    dropped_near: tuple[Phrase, ...] = ()
    kept_near: tuple[Phrase, ...] = ()
    only_near: tuple[Phrase, ...] = ()
    instead: PartyId | None = None
    window: int = Field(default=120, ge=1, le=2000)


class Party(StrictModel):
    """One party: its id, display name, kind, and every way to write it."""

    id: PartyId
    name: Phrase
    kind: PartyKind
    aliases: tuple[Alias, ...] = ()
    demonyms: tuple[Alias, ...] = ()
    capitals: tuple[Alias, ...] = ()
    leaders: tuple[Leader, ...] = ()
    exclusions: tuple[Alias, ...] = ()
    ambiguities: tuple[Ambiguity, ...] = ()


class RegistryFile(StrictModel):
    """A whole YAML file."""

    parties: tuple[Party, ...] = Field(min_length=1)
    exclusions: tuple[Alias, ...] = ()


_Item = TypeVar("_Item", bound=StrictModel)
_LISTS = ("aliases", "demonyms", "capitals", "leaders", "exclusions", "ambiguities")


def merge(parties: Iterable[tuple[Path, Party]]) -> dict[str, Party]:
    """Join the parties of several files by id, sorted, so that the order of the files does not matter.

    Raises:
        InputError: two files give one id another name or kind.
    """
    merged: dict[str, Party] = {}
    first_seen: dict[str, Path] = {}
    for path, party in parties:
        if party.id not in merged:
            merged[party.id], first_seen[party.id] = _join(party, party), path
            continue
        for key in ("name", "kind"):
            old, new = getattr(merged[party.id], key), getattr(party, key)
            if old != new:
                where = first_seen[party.id]
                raise InputError(
                    path, f"party '{party.id}': {key} {new!r}, but {old!r} in {where}; make them agree"
                )
        merged[party.id] = _join(merged[party.id], party)
    return dict(sorted(merged.items()))


def _join(one: Party, other: Party) -> Party:
    lists = {key: _union(getattr(one, key), getattr(other, key)) for key in _LISTS}
    return one.model_copy(update=lists)


def _union(one: tuple[_Item, ...], other: tuple[_Item, ...]) -> tuple[_Item, ...]:
    distinct = {item.model_dump_json(): item for item in (*one, *other)}
    return tuple(distinct[key] for key in sorted(distinct))
