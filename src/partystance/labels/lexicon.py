"""The rule labeller's lexicon: `lexicon.yaml` read once, verbs inflected, every table a plain set or dict.

What a table means stands beside its words in the YAML.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from typing import Any

import yaml

from partystance.schema import Stance

SUPPORT, NEUTRAL, CRITICIZE = Stance.SUPPORT, Stance.NEUTRAL, Stance.CRITICIZE


class Tag(StrEnum):
    """The inflection of a verb form. A regular `-ed` form is tagged past."""

    BASE = "base"
    S = "s"
    ING = "ing"
    PAST = "past"
    PARTICIPLE = "participle"


@dataclass(frozen=True, slots=True)
class Verb:
    """What a verb says of its object.

    `denied` is the label under plain negation ("did not condemn P"), `refused` under refusal ("refused to
    sanction P"). `particle` are the words between verb and object ("side *with* P"). `head_only` asks for the
    party itself as the object, not something of the party's. Of the words in `then` one must follow the
    object ("warned P *against* ..."). A `demand` counts on one party alone.
    """

    lemma: str
    label: Stance
    denied: Stance
    refused: Stance
    particle: tuple[str, ...] = ()
    head_only: bool = False
    then: frozenset[str] = frozenset()
    demand: bool = False


@dataclass(frozen=True, slots=True)
class Noun:
    """A noun of stance. `turned` is the label when somebody ends or blocks it ("lifted sanctions on P")."""

    label: Stance
    turned: Stance
    prepositions: frozenset[str]


_TABLES: dict[str, Any] = yaml.safe_load(
    files("partystance.labels").joinpath("lexicon.yaml").read_text("utf-8")
)


def inflect(lemma: str) -> dict[str, Tag]:
    """Return every form of a verb with its tag, in British and American spelling."""
    forms: dict[str, Tag] = {}
    for stem in {
        lemma,
        lemma.removesuffix("ise") + "ize" if lemma.endswith("ise") else lemma,
        _american(lemma),
    }:
        past, participle = _TABLES["irregular"].get(lemma, f"{_past(stem)} {_past(stem)}").split()
        forms |= {stem: Tag.BASE, _s_form(stem): Tag.S, _ing(stem): Tag.ING}
        forms |= {
            participle: Tag.PARTICIPLE,
            past: Tag.PAST,
        }  # "hit", "cut": read as the past, the tense of news
    return forms


def _american(lemma: str) -> str:
    return lemma.replace("our", "or") if lemma in {"honour", "favour"} else lemma


def _doubled(stem: str) -> str:
    return stem + stem[-1] if stem in _TABLES["doubling"].split() else stem


def _ends_in_consonant_y(stem: str) -> bool:
    return stem.endswith("y") and stem[-2] not in "aeiou"


def _past(stem: str) -> str:
    if stem.endswith("e"):
        return stem + "d"
    return stem[:-1] + "ied" if _ends_in_consonant_y(stem) else _doubled(stem) + "ed"


def _ing(stem: str) -> str:
    if stem.endswith("ie"):
        return stem[:-2] + "ying"
    return (stem[:-1] if stem.endswith("e") and stem != "be" else _doubled(stem)) + "ing"


def _s_form(stem: str) -> str:
    if _ends_in_consonant_y(stem):
        return stem[:-1] + "ies"
    return stem + ("es" if stem.endswith(("s", "sh", "ch", "x", "z", "o")) else "s")


def _rows(table: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield the (properties, words) pairs of a table that lists them in turn."""
    rows = _TABLES[table]
    yield from zip(rows[::2], rows[1::2], strict=True)


def _phrases(text: str) -> list[str]:
    """Return the entries of a list: between semicolons a phrase with a particle, or plain words."""
    entries: list[str] = []
    for part in text.split(";"):
        entries += [part.strip()] if ";" in text and _is_phrase(part) else part.split()
    return entries


def _is_phrase(part: str) -> bool:
    return part.split()[-1] in {"that", *_TABLES["words"]["prepositions"].split()}


def _verbs() -> Iterator[Verb]:
    for properties, words in _rows("verbs"):
        labels = {key: Stance(properties[key]) for key in ("label", "denied", "refused")}
        then = frozenset(properties.get("then", "").split())
        flags = {key: properties.get(key, False) for key in ("head_only", "demand")}
        for entry in _phrases(words):
            lemma, *particle = entry.split()
            yield Verb(lemma, **labels, particle=tuple(particle), then=then, **flags)


def _verb_index() -> dict[str, list[tuple[Verb, Tag]]]:
    index: dict[str, list[tuple[Verb, Tag]]] = {}
    for verb in sorted(_verbs(), key=lambda v: -len(v.particle)):
        for form, tag in inflect(verb.lemma).items():
            index.setdefault(form, []).append((verb, tag))
    return index


def _labelled(table: str) -> dict[str, Stance]:
    return {word: Stance(label) for label, words in _TABLES[table].items() for word in words.split()}


def _words(name: str) -> frozenset[str]:
    return frozenset(_TABLES["words"][name].split())


def _forms(name: str, *tags: Tag) -> frozenset[str]:
    """Return the forms of the verbs listed under a name, all of them or those with one of the tags."""
    found = (inflect(lemma).items() for lemma in _TABLES["verb_forms"][name].split())
    return frozenset(form for forms in found for form, tag in forms if not tags or tag in tags)


VERBS = _verb_index()
"""Form -> the verbs it can be, those with the longest particle first."""
NOUNS = {
    word: Noun(Stance(p["label"]), Stance(p["turned"]), frozenset(p["prepositions"].split()))
    for p, words in _rows("nouns")
    for word in words.split()
}
ADJECTIVES = {
    word: (Stance(p["label"]), frozenset(p["prepositions"].split()))
    for p, words in _rows("adjectives")
    for word in words.split()
}
PHRASES = {
    tuple(phrase.split()): Stance(label)
    for label, listed in _TABLES["phrases"].items()
    for phrase in listed.split("; ")
}
JUDGEMENTS, EPITHETS = _labelled("judgements"), _labelled("epithets")
OBLIGATIONS, REACTIONS = _labelled("obligations"), _labelled("reactions")

GIVING, FACING, COMING, BRANDING = _forms("giving"), _forms("facing"), _forms("coming"), _forms("branding")
HOLDING, BLAMING, PRAISING = _forms("holding"), _forms("blaming"), _forms("praising")
SAYING = _forms("saying")
SAID = _forms("saying", Tag.PAST) | {"says"}
"""The forms of saying that are hardly ever nouns: what follows is a new clause."""
HARM = _forms("harming", Tag.PAST, Tag.PARTICIPLE, Tag.S)

NOUN_VERBS, GIVEN, CONDUCT, LEGITIMATE = (
    _words("noun_verbs"), _words("given"), _words("conduct"), _words("legitimate"),
)  # fmt: skip
FALSELY, RIGHTLY, BROKEN, STAY = _words("falsely"), _words("rightly"), _words("broken"), _words("stay")
CONSEQUENCES, PAYING, BLAMABLE = _words("consequences"), _words("paying"), _words("blamable")
NEGATIONS, ABSENCE = _words("negations"), _words("absence")
SUSPECTING = _forms("suspecting")
DENIALS = _forms("denying") | _words("denials")
REFUSALS = _forms("refusing") | _words("refusals")
REDUCERS = REFUSALS | _forms("reducing") | _words("reducers")
"""Words that turn a noun of stance around ("lifted sanctions on P", "cut aid to P")."""
VICTIM_NOUNS, HARMFUL = _words("victim_nouns"), _words("harmful")
AGAINST_OWNER, OTHERS_OF = _words("against_owner"), _words("others_of")
AUXILIARIES, BE_FORMS, MODALS = _words("auxiliaries"), _words("be_forms"), _words("modals")
DETERMINERS, OWN, PRONOUNS, RELATIVES = (
    _words("determiners"), _words("own"), _words("pronouns"), _words("relatives"),
)  # fmt: skip
PREPOSITIONS, SUBORDINATORS, ADVERBS = _words("prepositions"), _words("subordinators"), _words("adverbs")
DATES = _words("dates")
