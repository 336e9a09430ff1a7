"""A sentence as tokens with its parties, and the few questions the rules ask of it: who acts, on whom.

No parser: phrases end at punctuation, subordinators, prepositions and verbs the lexicon knows. Every scan
has a fixed reach, so the work grows with the text's length and not faster.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from partystance.labels import lexicon as lx
from partystance.labels.lexicon import Tag

PHRASE_REACH = 9
"""How many tokens after a verb or preposition a party still belongs to the phrase."""
GROUP_REACH = 8
"""How many tokens a verb group (auxiliaries, adverbs, negation) has before its verb."""
CLAUSE_REACH = 40
"""How many tokens before a verb its subject is looked for."""

_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|\w+(?:-\w+)*(?:['’]t\b)?|['’](?:s|ve|ll|d|re)\b|[^\w\s]")
_QUOTES = frozenset("\"“”„«»‘’'")
_STOPS = frozenset(";:—–()[]!?…|")
_JOINING = frozenset({"and", "or", "&", "nor", "plus"})
_ABBREVIATION = 4
"""A full stop after a capitalised word of at most this many letters abbreviates it ("Gen.", "Mr.")."""


class PartyMentionLike(Protocol):
    """What the rules need of a mention; `partystance.parties.PartyMention` is one."""

    @property
    def start(self) -> int: ...  # noqa: D102
    @property
    def end(self) -> int: ...  # noqa: D102
    @property
    def party(self) -> str: ...  # noqa: D102
    @property
    def modifier(self) -> bool: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a punctuation mark or a whole mention. `word` is lower case with straight apostrophes."""

    start: int
    end: int
    text: str
    word: str
    party: str = ""


def tokenize(text: str, mentions: Sequence[PartyMentionLike]) -> list[Token]:
    """Return the tokens of a text; a mention inside another word ("pro-Russian") is no party token."""
    tokens: list[Token] = []
    position = 0
    for mention in sorted(mentions, key=lambda m: (m.start, -m.end)):
        if mention.start < position or (mention.modifier and not text.startswith("-led", mention.end)):
            continue
        tokens += _words_between(text, position, mention.start)
        surface = text[mention.start : mention.end]
        tokens.append(Token(mention.start, mention.end, surface, surface.lower(), mention.party))
        position = mention.end
    return tokens + _words_between(text, position, len(text))


def _words_between(text: str, start: int, end: int) -> list[Token]:
    found = _TOKEN.finditer(text, start, end)
    return [Token(m.start(), m.end(), m[0], m[0].lower().replace("’", "'")) for m in found]


class Clauses:
    """The tokens of one sentence and the ways to walk over them. Positions are token indices."""

    def __init__(self, text: str, mentions: Sequence[PartyMentionLike]) -> None:
        self.text = text
        self.tokens = tokenize(text, mentions)
        self.words = ["" if t.party else t.word for t in self.tokens]

    def __len__(self) -> int:
        return len(self.tokens)

    def word(self, i: int) -> str:
        """Return the lower-case word at i: empty for a party and outside the sentence."""
        return self.words[i] if 0 <= i < len(self.words) else ""

    def party(self, i: int) -> str:
        """Return the party named at i, or an empty string."""
        return self.tokens[i].party if 0 <= i < len(self.tokens) else ""

    def is_quote(self, i: int) -> bool:
        """Return whether token i is a quote mark and no possessive apostrophe after a plural."""
        return self.word(i) in _QUOTES

    def is_stop(self, i: int) -> bool:
        """Return whether no phrase continues over token i: punctuation but commas, or the end."""
        if not 0 <= i < len(self.tokens) or self.word(i) in _STOPS:
            return True
        if self.word(i) != ".":
            return False
        before = self.tokens[i - 1].text if i else ""
        return not (before[:1].isupper() and len(before) <= _ABBREVIATION)

    def is_boundary(self, i: int) -> bool:
        """Return whether a clause ends at token i."""
        return self.is_stop(i) or self.word(i) in lx.SUBORDINATORS or self.word(i) == ","

    def is_adverb(self, i: int) -> bool:
        """Return whether token i is an adverb that may stand inside a verb group."""
        word = self.word(i)
        return word in lx.ADVERBS or (
            word.endswith("ly") and len(word) > 4 and word not in {"ally", "rally", "apply"}
        )

    def evidence(self, *indices: int) -> str:
        """Return the text of the tokens, in order, each once."""
        return " ".join(self.tokens[i].text for i in sorted(set(indices)))

    # -- verbs -------------------------------------------------------------------------------------

    def is_verb(self, i: int, tag: Tag) -> bool:
        """Return whether the form at i, of a verb the lexicon knows, is used as a verb here."""
        left = i - 1
        while left > i - GROUP_REACH and (self._is_inside_group(left) or self.is_quote(left)):
            left -= 1
        before = self.word(left)
        if before in lx.DETERMINERS and before not in {"that", "this", "these", "those"}:
            return False
        if before == "'s" or (before in lx.PREPOSITIONS and before != "to" and tag not in (Tag.ING,)):
            return False
        if tag is Tag.ING and before in lx.BE_FORMS:
            return True
        if self.words[i] in lx.NOUN_VERBS:
            return before in lx.MODALS or before in lx.PRONOUNS or self._after_name(left)
        return self.word(i + 1) not in {"of", "for", "from"} if tag is Tag.ING else True

    def _after_name(self, left: int) -> bool:
        return left >= 0 and (bool(self.party(left)) or (left > 0 and self.tokens[left].text[:1].isupper()))

    def is_any_verb(self, i: int) -> bool:
        """Return whether a verb group begins or stands at i: an auxiliary or a form known."""
        word = self.word(i)
        if word in lx.AUXILIARIES:
            return True
        tags = {tag for _, tag in lx.VERBS.get(word, ())} | ({Tag.PAST} if word in lx.SAYING else set())
        return any(tag is not Tag.ING and self.is_verb(i, tag) for tag in tags)

    def group_start(self, i: int) -> int:
        """Return where the verb group of the verb at i begins: auxiliaries, adverbs, negation before it."""
        start = i
        while start > max(0, i - GROUP_REACH) and (
            self.word(start - 1) in lx.AUXILIARIES
            or self._is_inside_group(start - 1)
            or (self.is_quote(start - 1) and not self.is_stop(start - 2))
        ):
            start -= 1
        return start

    def _is_inside_group(self, i: int) -> bool:
        return self.is_adverb(i) or self.is_negation(i)

    def is_negation(self, i: int) -> bool:
        """Return whether token i negates ("not only" does not)."""
        word = self.word(i)
        if word == "not" and self.word(i + 1) in {"only", "just", "merely"}:
            return False
        no_longer = word == "no" and self.word(i + 1) == "longer"
        return no_longer or word in lx.NEGATIONS or word.endswith("n't")

    # -- phrases -----------------------------------------------------------------------------------

    def phrase_parties(self, i: int, end: int | None = None) -> list[int]:
        """Return the parties that the noun phrase beginning at i is about: owners, agents, heads; no victims.

        "the Russian attack on Ukraine" is about Russia, "the invasion of Ukraine by Russia" too.
        """
        end = len(self) if end is None else end
        noun, victim_next = "", False
        for j in range(i, min(end, i + PHRASE_REACH)):
            word = self.word(j)
            if self.party(j):
                if not victim_next:
                    return [j, *self._coordinated(j, end)]
                victim_next = False
            elif word == "of":
                victim_next = noun in lx.VICTIM_NOUNS
            elif word != "by" and (word in lx.PREPOSITIONS or self.is_boundary(j) or self._ends_phrase(j, i)):
                if not (j == i and word == "how") and not (
                    victim_next is False and self._agent_follows(j, noun)
                ):
                    return []
            elif not self.is_quote(j):
                noun = word
        return []

    def _ends_phrase(self, j: int, start: int) -> bool:
        return self.word(j) in {"to", "and", "or"} or (j > start and self.is_any_verb(j))

    def _agent_follows(self, j: int, noun: str) -> bool:
        """Return whether "attack ON Ukraine BY Russia" is what token j begins."""
        return self.word(j) in {"on", "against"} and noun in lx.CONDUCT and "by" in self.words[j + 2 : j + 4]

    def _coordinated(self, j: int, end: int) -> list[int]:
        """Return the parties joined to the one at j by commas and a final "and"."""
        found: list[int] = []
        while True:
            k = self._after_possessive(j)
            comma = self.word(k) == ","
            k += comma
            joined = self.word(k) in _JOINING
            k += joined
            k += self.word(k) in lx.DETERMINERS
            if not (comma or joined) or not self.party(k) or k >= end:
                return []
            found.append(k)
            if joined:
                return [] if k + 1 < end and self.is_any_verb(self._after_adverbs(k + 1)) else found
            j = k

    def _after_possessive(self, j: int) -> int:
        return j + 2 if self.word(j + 1) in {"'s", "'"} else j + 1

    def _after_adverbs(self, j: int) -> int:
        return next((k for k in range(j, j + GROUP_REACH) if not self.is_adverb(k)), j)

    def is_possessive(self, j: int) -> bool:
        """Return whether the party at j owns what follows ("P's", "the P's")."""
        token = self.tokens[j]
        return self.word(j + 1) == "'s" or token.word.endswith(("'s", "’s", "s'", "s’"))

    def is_head(self, j: int) -> bool:
        """Return whether the party at j is itself the head of its phrase, not the owner of another noun."""
        if self.is_possessive(j):
            return False
        k = j + 1
        word = self.word(k)
        closed = lx.PREPOSITIONS | _JOINING | {","}
        return (
            self.is_boundary(k)
            or word in closed
            or self.is_adverb(k)
            or self.is_any_verb(k)
            or self.is_quote(k)
        )

    def owned(self, j: int) -> list[int]:
        """Return the words of the phrase that the party at j owns or modifies: "P's *brutal assault*"."""
        found = []
        k = self._after_possessive(j)
        for n in range(k, k + 4):
            if self.is_quote(n):
                continue
            closed = self.word(n) in lx.PREPOSITIONS | lx.AUXILIARIES | _JOINING
            if closed or self.is_boundary(n) or self.party(n):
                break
            found.append(n)
        return found

    # -- subjects ----------------------------------------------------------------------------------

    def subject_spans(self, i: int) -> Iterator[tuple[int, int]]:
        """Yield the spans [start, end) where the subject of the verb group at i may be, the nearest first."""
        end, reach = i, max(0, i - CLAUSE_REACH)
        while end > reach:
            start = end
            while start > reach and not self._opens_clause(start - 1):
                start -= 1
            if start < end and not (self.word(end) == "," and self._is_aside(start, end)):
                yield self._last_conjunct(start, end), end
                if self.is_stop(start - 1) or (self.word(start - 1) in lx.SUBORDINATORS - lx.RELATIVES):
                    return
            if self.is_stop(start - 1) and start < end:
                return
            end = start - 1

    def _opens_clause(self, k: int) -> bool:
        """Return whether a new clause follows token k: a boundary, or "said" without "that"."""
        return self.is_boundary(k) or (self.word(k) in lx.SAID and self.word(k + 1) not in {",", "and", "to"})

    def _is_aside(self, start: int, end: int) -> bool:
        """Return whether a span between commas only tells more ("citing ...", "who ...", "on Monday")."""
        word = self.word(start)
        relative = self.word(start - 1) in lx.RELATIVES
        return relative or word in lx.PREPOSITIONS or (word.endswith("ing") and end - start > 1)

    def _last_conjunct(self, start: int, end: int) -> int:
        """Return where the clause after the span's last "and" begins, if a party opens it."""
        for m in range(end - 1, start, -1):
            if self.word(m) in {"and", "but"}:
                opens = m + 2 if self.word(m + 1) in lx.DETERMINERS else m + 1
                alone = any(self.is_any_verb(n) for n in range(start, m))
                return m + 1 if opens < end and self.party(opens) and alone else start
        return start

    def span_parties(self, start: int, end: int) -> list[int]:
        """Return a subject span's parties, first those that are no complement of a preposition."""
        inside = [j for j in range(start, end) if self.party(j)]
        return sorted(inside, key=lambda j: (self.is_complement(j, start), j))

    def is_complement(self, j: int, start: int) -> bool:
        """Return whether the party at j depends on a preposition (not "of", "by") or verb of the span."""
        for k in range(j - 1, max(start - 1, j - 4), -1):
            if self.word(k) in lx.PREPOSITIONS:
                return self.word(k) not in {"of", "by"}
            if self.party(k) or self.is_any_verb(k):
                return self.is_any_verb(k)
        return False

    def name_in(self, start: int, end: int) -> str:
        """Return the holder's name as written: the capitals in the span's first noun phrase, or all of it."""
        phrase = self._first_phrase(start, end)
        run: list[Token] = []
        for token in phrase:
            if token.text[:1].isupper() and token.word not in lx.DATES | lx.DETERMINERS | lx.PRONOUNS:
                run.append(token)
            elif run:
                break
        if run and run[0] is self.tokens[0] and len(run) == 1:  # a capital that only opens the sentence
            run = []
        chosen = run or phrase
        named = any(token.word.isalpha() and token.word not in lx.DETERMINERS for token in chosen)
        return self.text[chosen[0].start : chosen[-1].end] if named else ""

    def _first_phrase(self, start: int, end: int) -> list[Token]:
        """Return the tokens up to the first preposition or verb, less what looks like a verb at the end."""
        while start < end and (
            self.word(start) in {"and", "but"} or self.is_adverb(start) or self.is_quote(start)
        ):
            start += 1
        stop = start
        while stop < end and self.word(stop) not in lx.PREPOSITIONS and not self.is_any_verb(stop):
            stop += 1
        cut = stop < end and self.word(stop) != "of" and stop - start > 1
        tokens = [t for t in self.tokens[start:stop] if t.word not in _QUOTES]
        if tokens and (tokens[-1].word.endswith("ed") or (cut and not tokens[-1].word.endswith("s"))):
            tokens = tokens[:-1] if tokens[-1].text.islower() else tokens
        return tokens[:5]
