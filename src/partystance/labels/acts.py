"""Rules for what somebody does: stance verbs in active and passive, stance nouns, gifts, demands."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from partystance.labels import lexicon as lx
from partystance.labels.clauses import Clauses
from partystance.labels.lexicon import CRITICIZE, NEUTRAL, SUPPORT, Noun, Tag, Verb
from partystance.schema import Stance

TURN_REACH = 10
"""How many tokens before a verb or noun of stance something may turn it around."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule that fired: what is said of the party at token `target`, by whom, on which tokens."""

    target: int
    label: Stance
    holder: str
    cues: tuple[int, ...]


Rule = Callable[[Clauses], Iterable[Finding]]


def opposite(label: Stance) -> Stance:
    """Return the other pole."""
    return {SUPPORT: CRITICIZE, CRITICIZE: SUPPORT}.get(label, NEUTRAL)


# -- who -------------------------------------------------------------------------------------------


def actor(c: Clauses, verb: int, target: str) -> str:
    """Return who acts in the verb group at `verb`: a party (not the target), a name, or nothing."""
    apposed = ""
    for start, end in c.subject_spans(c.group_start(verb)):
        inside = c.span_parties(start, end)
        if inside and c.word(start - 1) in lx.RELATIVES and c.is_complement(inside[0], start):
            continue  # "countries that support P | have ..."
        parties = [c.party(j) for j in inside]
        others = [party for party in parties if party != target]
        if parties and (others or end - start <= 3):
            verbs = any(c.is_any_verb(k) for k in range(start, end))
            return apposed if apposed and (verbs or not others) else (others or parties)[0]
        name = c.name_in(start, end)
        if apposed:
            return apposed
        if name and name.lower() not in lx.PRONOUNS:
            inserted = c.word(end) == "," or end - start == len(name.split())
            if not (c.word(start - 1) == "," and inserted):
                return name
            apposed = name  # "the P minister, Edna Harrow, ...": the party may stand before the name
    return apposed


def agent(c: Clauses, verb: int) -> str:
    """Return who acts in a passive: the phrase after "by", or nothing."""
    for k in range(verb + 1, min(verb + 7, len(c))):
        if c.word(k) == "by":
            parties = c.phrase_parties(k + 1)
            end = k + 1
            while end < min(k + 7, len(c)) and not c.is_boundary(end) and c.word(end) not in lx.PREPOSITIONS:
                end += 1
            return c.party(parties[0]) if parties else c.name_in(k + 1, end)
        if c.is_stop(k):
            break
    return ""


def subjects(c: Clauses, verb: int) -> list[int]:
    """Return the parties that the subject of the verb group at `verb` is about."""
    for start, end in c.subject_spans(c.group_start(verb)):
        while c.word(start) in {"and", "but"}:
            start += 1
        if start >= end or c.word(start) in lx.PRONOUNS:
            continue
        if c.word(start) not in lx.PREPOSITIONS and (found := c.phrase_parties(start, end)):
            return [] if _verb_between(c, found[-1] + 1, end) else found
        return [end - 1] if c.party(end - 1) and c.word(end - 2) not in lx.PREPOSITIONS else []
    return []


def _verb_between(c: Clauses, start: int, end: int) -> bool:
    """Return whether the span holds another verb, so that the next one shares its subject only by "and"."""
    return any(c.is_any_verb(k) and not c.party(k) for k in range(start, end)) and c.word(end - 1) not in {
        "and",
        ",",
    }


# -- what turns a stance around --------------------------------------------------------------------


def is_open(c: Clauses, i: int) -> bool:
    """Return whether the clause of token i only asks ("whether ...", "if ...")."""
    for k in range(i, max(i - 14, -1), -1):
        if c.word(k) in {"whether", "if"}:
            return True
        if c.is_boundary(k) and c.word(k) != ",":
            return False
    return False


def _turners(c: Clauses, i: int, reach: int, words: frozenset[str]) -> list[int]:
    """Return the tokens before i that negate, refuse or deny, back to the clause's beginning."""
    found = []
    for k in range(i - 1, max(i - 1 - reach, -1), -1):
        word = c.word(k)
        if c.is_boundary(k) or word in {"and", "but"}:
            break
        ruled_out = word == "out" and c.word(k - 1) in {"rule", "ruled", "rules", "ruling"}
        end_of = word == "end" and c.word(k - 1) == "the"
        if c.is_negation(k) or ruled_out or (word in words | lx.DENIALS and not end_of):
            found.append(k)
    return found


def turned_verb(c: Clauses, i: int, verb: Verb, tag: Tag) -> tuple[Stance, list[int]]:
    """Return the label of the verb at i after negation, refusal and denial, and the tokens of those."""
    finite = tag in (Tag.PAST, Tag.S)
    reach = i - c.group_start(i) if finite else TURN_REACH
    turners = _turners(c, i, reach, lx.REFUSALS)
    if any(c.word(k) in lx.DENIALS for k in turners) or _is_suspected(c, i):
        return NEUTRAL, turners
    if len(turners) % 2 == 0:
        return verb.label, turners
    return (verb.denied if all(c.is_negation(k) for k in turners) else verb.refused), turners


def _is_suspected(c: Clauses, i: int) -> bool:
    """Return whether the verb at i is what somebody is accused of: "accused A of backing P"."""
    before = c.words[max(0, i - TURN_REACH) : c.group_start(i)]
    return before[-1:] == ["of"] and not lx.SUSPECTING.isdisjoint(before)


def turned_noun(c: Clauses, i: int, noun: Noun, target: int) -> tuple[Stance, list[int]]:
    """Return the label of the noun at i after what is done to it ("lifted", "no"), and those tokens."""
    turners = _turners(c, i, TURN_REACH, lx.REDUCERS | lx.ABSENCE)
    turners += [k for k in range(target + 1, min(target + 6, len(c))) if _is_ended(c, k)]
    if any(c.word(k) in lx.DENIALS for k in turners):
        return NEUTRAL, turners
    if len(turners) % 2 == 0:
        return noun.label, turners
    if all(c.is_negation(k) for k in turners):
        return NEUTRAL, turners
    absent = all(c.word(k) in lx.ABSENCE for k in turners)
    return (NEUTRAL if absent and noun.label == CRITICIZE else noun.turned), turners


def _is_ended(c: Clauses, k: int) -> bool:
    """Return whether token k ends a passive like "(sanctions on P) were lifted"."""
    return c.word(k) in lx.REDUCERS and c.word(k).endswith("ed") and c.word(k - 1) in lx.BE_FORMS


def of_owner(c: Clauses, target: int, label: Stance) -> Stance:
    """Return the label for the owner where the phrase is about something of the party's ("P's defeat")."""
    owned = {c.word(k) for k in c.owned(target)}
    if owned & lx.OTHERS_OF:
        return NEUTRAL
    return opposite(label) if owned & lx.AGAINST_OWNER else label


# -- verbs -----------------------------------------------------------------------------------------


def stance_verbs(c: Clauses) -> Iterator[Finding]:
    """Find "A condemned P", "P was condemned by A", "A refused to condemn P", "A sided with P"."""
    for i, word in enumerate(c.words):
        for verb, tag in lx.VERBS.get(word, ()):
            at = i + 1 + len(verb.particle)
            if tuple(c.words[i + 1 : at]) != verb.particle or not c.is_verb(i, tag):
                continue
            found = list(
                _passive(c, i, verb, tag) if _is_passive(c, i, verb, tag) else _active(c, i, at, verb, tag)
            )
            yield from found
            if found:
                break


def _is_passive(c: Clauses, i: int, verb: Verb, tag: Tag) -> bool:
    if tag not in (Tag.PAST, Tag.PARTICIPLE):
        return False
    group = [w for w in c.words[c.group_start(i) : i] if w in lx.AUXILIARIES]
    reduced = not group and not verb.particle and c.word(i + 1) in {"by", "over", "of"}
    return reduced or (bool(group) and group[-1] in lx.BE_FORMS)


def _passive(c: Clauses, i: int, verb: Verb, tag: Tag) -> Iterator[Finding]:
    targets = subjects(c, i)
    if verb.head_only or (verb.demand and len(targets) > 1) or is_open(c, i):
        return
    if c.group_start(i) == i and not (c.party(i - 1) or (c.word(i - 1) == "," and c.party(i - 2))):
        return
    label, turners = turned_verb(c, i, verb, Tag.PAST)
    for target in targets:
        yield Finding(target, of_owner(c, target, label), agent(c, i), (*turners, i))


def _active(c: Clauses, i: int, at: int, verb: Verb, tag: Tag) -> Iterator[Finding]:
    targets = c.phrase_parties(at)
    if not targets or is_open(c, i) or not _fits(c, i, at, verb, targets):
        return
    label, turners = turned_verb(c, i, verb, tag)
    for target in targets:
        if verb.head_only and not c.is_head(target):
            continue
        cues = (*turners, *range(i, at))
        yield Finding(target, of_owner(c, target, label), actor(c, i, c.party(target)), cues)


def _fits(c: Clauses, i: int, at: int, verb: Verb, targets: list[int]) -> bool:
    """Return whether the words around the object are those the verb needs for its meaning."""
    last = targets[-1]
    rest = c.words[last + 1 : last + 12]
    if len(targets) > 1 and rest[:1] == [
        "to"
    ]:  # "supports P and Q to settle it": both sides (codebook, rule 3)
        return False
    if verb.then and not verb.then & set(rest):
        return False
    if verb.lemma == "warn" and not verb.particle and rest[:1] in (["that"], ["of"]):
        return False
    if verb.lemma == "welcome" and not c.is_possessive(last):  # a reception is no praise
        return c.word((c.owned(last) or [last])[-1] + 1) not in {"to", "at", "in", "on", "for", "with"}
    return not verb.demand or _is_one_sided(c, at, targets, rest)


def _is_one_sided(c: Clauses, at: int, targets: list[int], rest: list[str]) -> bool:
    """Return whether a demand asks one party alone to change (codebook, rule 3)."""
    between = set(c.words[at : targets[0]])
    asked = rest[rest.index("to") + 1 : rest.index("to") + 2] if "to" in rest else []
    good = any(word in lx.NOUNS and lx.NOUNS[word].label == SUPPORT for word in between)
    return len(targets) == 1 and not between & {"both", "by"} and not good and not set(asked) & lx.STAY


# -- nouns -----------------------------------------------------------------------------------------


def stance_nouns(c: Clauses) -> Iterator[Finding]:
    """Find "Kyiv's condemnation of P", "support for P", "lifted sanctions on P"."""
    for i, word in enumerate(c.words):
        noun = lx.NOUNS.get(word)
        preposition = _preposition(c, i, noun.prepositions) if noun else 0
        if not noun or not preposition or is_open(c, i):
            continue
        for target in c.phrase_parties(preposition + 1):
            label, turners = turned_noun(c, i, noun, target)
            turning = [k for k in turners if k < i]
            holder = _noun_holder(c, min(turning, default=i), i, preposition, c.party(target))
            yield Finding(target, of_owner(c, target, label), holder, (*turners, i, preposition))


def _preposition(c: Clauses, i: int, wanted: frozenset[str]) -> int:
    """Return where the noun's preposition is, at most "from P" or "by P" in between; 0 if it has none."""
    k = i + 1
    if c.word(k) in {"from", "by"} and c.word(k) not in wanted:
        k += 1
        while k < i + 5 and not c.is_boundary(k) and c.word(k) not in lx.PREPOSITIONS:
            k += 1
    return k if c.word(k) in wanted else 0


def _noun_holder(c: Clauses, turned: int, i: int, preposition: int, target: str) -> str:
    """Return whose stance the noun at i is; of who turns it around at `turned`, if anybody does."""
    if turned < i:
        return actor(c, turned, target)
    for j in range(max(0, i - 4), i):
        if c.party(j) and c.party(j) != target and i in c.owned(j):
            return c.party(j)
    giver = [c.party(j) for j in range(i + 1, preposition) if c.party(j)]
    verb = next(
        (k for k in range(i - 1, max(0, i - 12), -1) if c.is_any_verb(k) or c.word(k) in lx.GIVING), i
    )
    return giver[0] if giver else actor(c, verb, target)


def gifts(c: Clauses) -> Iterator[Finding]:
    """Find "A pledged forty tanks to P", "A supplied P with shells", "A refused to send P weapons"."""
    gift = Noun(SUPPORT, CRITICIZE, frozenset())
    for i, word in enumerate(c.words):
        if word not in lx.GIVING or is_open(c, i):
            continue
        for target in _recipient(c, i):
            label, turners = turned_noun(c, i, gift, len(c))
            if {c.word(k) for k in turners} == {word}:
                continue
            yield Finding(target, label, actor(c, i, c.party(target)), (*turners, i))


def _recipient(c: Clauses, i: int) -> list[int]:
    """Return the parties that receive one of `lexicon.GIVEN` from the verb at i."""
    given = 0
    receiver: list[int] = []
    for k in range(i + 1, min(i + 14, len(c))):
        if c.is_boundary(k) and c.word(k) != ",":
            break
        if c.word(k) in lx.GIVEN:
            given = k
            if receiver:
                return receiver
        elif (c.party(k) and not given and not receiver and c.is_head(k)) or _takes_modified(c, k, i):
            receiver = [k]
        elif given and c.word(k) in {"to", "for"} and (found := c.phrase_parties(k + 1)):
            return found
    return []


def _takes_modified(c: Clauses, k: int, i: int) -> bool:
    """Return whether the party at k directly follows the verb at i: "sent P tanks"."""
    return (
        bool(c.party(k))
        and not c.is_possessive(k)
        and (k == i + 1 or (k == i + 2 and c.word(i + 1) == "the"))
    )


def stance_phrases(c: Clauses) -> Iterator[Finding]:
    """Find "in support of P", "was critical of P", "blamed the crisis on P"."""
    for i, word in enumerate(c.words):
        for phrase, label in lx.PHRASES.items():
            if phrase[0] == word and tuple(c.words[i : i + len(phrase)]) == phrase:
                yield from _of_phrase(c, i, i + len(phrase), label)
        adjective, prepositions = lx.ADJECTIVES.get(word, (NEUTRAL, frozenset()))
        if c.word(i + 1) in prepositions:
            yield from _of_phrase(c, i, i + 2, adjective)
        if word in lx.BLAMING and (on := _shifted_to(c, i)):
            yield from _of_phrase(c, i, on + 1, CRITICIZE)


def _of_phrase(c: Clauses, i: int, at: int, label: Stance) -> Iterator[Finding]:
    if is_open(c, i) or _turners(c, i, 4, lx.REFUSALS):
        return
    for target in c.phrase_parties(at):
        yield Finding(target, of_owner(c, target, label), actor(c, i, c.party(target)), tuple(range(i, at)))


def _shifted_to(c: Clauses, i: int) -> int:
    """Return where the "on" of "blamed the crisis on P" is, or 0."""
    for k in range(i + 1, min(i + 8, len(c))):
        if c.is_boundary(k) or c.party(k) or c.is_any_verb(k):
            return 0
        if c.word(k) == "on":
            return 0 if c.word(k + 1).endswith("ing") else k
    return 0


RULES: tuple[Rule, ...] = (stance_verbs, stance_nouns, gifts, stance_phrases)
