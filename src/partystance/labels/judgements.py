"""Rules for what a party is said to be, do or owe, in the writer's voice or that of somebody reported."""

from collections.abc import Iterator

from partystance.labels import lexicon as lx
from partystance.labels.acts import Finding, Rule, actor, agent, is_open, opposite, subjects
from partystance.labels.clauses import Clauses
from partystance.labels.lexicon import CRITICIZE, SUPPORT
from partystance.schema import AUTHOR, Stance

MUST = frozenset({"must", "should"})
MUST_PHRASES = {("needs", "to"), ("need", "to"), ("has", "to"), ("have", "to"), ("ought", "to")}
GUILT = {("to", "blame"), ("guilty", "of"), ("complicit", "in"), ("at", "fault")}
VOICE_REACH = 25
"""How many tokens away from a judgement its "A said" may be."""


def voice(c: Clauses, i: int, target: str) -> str:
    """Return who says what stands at token i: the subject of a verb of saying, else the author."""
    before = range(i - 1, max(-1, i - VOICE_REACH), -1)
    after = range(i + 1, min(len(c), i + VOICE_REACH))
    for k in before:
        if c.word(k) in lx.SAYING and (who := actor(c, k, "")):
            return who
        if c.word(k) == "according":
            return _source(c, k)
    for k in after:
        if c.word(k) in lx.SAYING and _closes_report(c, k, i):
            return _reporter(c, k)
        if c.word(k) == "according":
            return _source(c, k)
    return AUTHOR


def _source(c: Clauses, k: int) -> str:
    """Return who is named after "according to" at k."""
    return _named_after(c, k + 2)


def _named_after(c: Clauses, k: int) -> str:
    parties = c.phrase_parties(k)
    return c.party(parties[0]) if parties else c.name_in(k, min(k + 5, len(c)))


def _closes_report(c: Clauses, k: int, i: int) -> bool:
    """Return whether the verb of saying at k follows what it reports: `..., A said` or `...,” said A`."""
    for m in range(k - 1, max(i, k - 8), -1):
        if c.word(m) == "," or c.is_quote(m):
            return not any(c.word(n) in lx.RELATIVES for n in range(m, k))
    return False


def _reporter(c: Clauses, k: int) -> str:
    """Return the subject of the verb of saying at k, which may follow it: "..., said A"."""
    inverted = c.word(k - 1) == "," or c.is_quote(k - 1)
    return _named_after(c, k + 1) if inverted else actor(c, k, "")


def _negated(c: Clauses, i: int, reach: int = 4) -> bool:
    return any(c.is_negation(k) for k in range(max(0, i - reach), i) if not c.is_boundary(i - 1))


def _judged(c: Clauses, i: int) -> Stance | None:
    return lx.JUDGEMENTS.get(c.word(i))


def judged_conduct(c: Clauses) -> Iterator[Finding]:
    """Find "P's brutal assault", "the illegal invasion of A by P", "P's heroic defence"."""
    for i in range(len(c)):
        label = _judged(c, i)
        if label is None or _negated(c, i, 2) or is_open(c, i):
            continue
        target = _whose_conduct(c, i)
        if target is not None:
            yield Finding(target, label, voice(c, i, c.party(target)), (i,))


def _whose_conduct(c: Clauses, i: int) -> int | None:
    """Return the party whose conduct the adjective at i judges, or None."""
    for j in range(i - 1, max(-1, i - 4), -1):
        if c.party(j):
            owned = c.owned(j)
            conduct = [k for k in owned if k > i and c.word(k) in lx.CONDUCT]
            if i not in owned or not conduct:
                return None
            return None if "by" in c.words[conduct[-1] + 1 : conduct[-1] + 3] else j
    targets = c.phrase_parties(i)
    if not targets:
        return None
    near = [c.word(k) for k in [*range(i + 1, targets[0]), *c.owned(targets[0])]]
    return targets[0] if any(word in lx.CONDUCT for word in near) else None


def predicates(c: Clauses) -> Iterator[Finding]:
    """Find "P's conduct was illegal", "P is a threat", "P is to blame"."""
    for i, word in enumerate(c.words):
        if word not in lx.BE_FORMS or is_open(c, i):
            continue
        k, label = _predicate(c, i)
        if label is None:
            continue
        for target in subjects(c, i):
            conduct = any(c.word(n) in lx.CONDUCT for n in c.owned(target))
            if conduct or c.is_head(target):
                yield Finding(target, label, voice(c, i, c.party(target)), (i, k))


def _predicate(c: Clauses, i: int) -> tuple[int, Stance | None]:
    """Return the judging word that the copula at i joins to its subject, and its label."""
    for k in range(i + 1, i + 5):
        pair = (c.word(k), c.word(k + 1))
        if c.is_boundary(k) or c.is_negation(k) or (c.word(k) in lx.PREPOSITIONS and pair not in GUILT):
            break
        if pair in GUILT or (pair == ("responsible", "for") and _names_harm(c, k + 2)):
            return k, CRITICIZE
        label = _judged(c, k) or lx.EPITHETS.get(c.word(k))
        ends = c.is_boundary(k + 1) or c.word(k + 1) in {"and", "or", "to", "as", "in"}
        if label and (ends or (label == CRITICIZE and c.word(k) in lx.EPITHETS)):
            return k, label
    return i, None


def _names_harm(c: Clauses, k: int) -> bool:
    return any(c.word(n) in lx.VICTIM_NOUNS | lx.HARMFUL for n in range(k, k + 4))


def branding(c: Clauses) -> Iterator[Finding]:
    """Find "A called P a terrorist state", "A described P's vote as illegal", "A holds P responsible"."""
    for i, word in enumerate(c.words):
        if word not in lx.BRANDING | lx.HOLDING or _negated(c, i) or is_open(c, i):
            continue
        targets = c.phrase_parties(i + 1)
        epithet = _epithet(c, targets[-1], lx.BLAMABLE if word in lx.HOLDING else None) if targets else None
        for target in targets if epithet else ():
            k, label = epithet or (i, CRITICIZE)
            yield Finding(target, label, actor(c, i, c.party(target)), (i, k))


def _epithet(c: Clauses, target: int, only: frozenset[str] | None) -> tuple[int, Stance] | None:
    for k in range(target + 1, target + 8):
        word = c.word(k)
        if (c.is_boundary(k) and word != "as") or c.is_negation(k):
            return None
        label = (CRITICIZE if word in only else None) if only else lx.EPITHETS.get(word) or _judged(c, k)
        if label:
            return k, label
    return None


def harm(c: Clauses) -> Iterator[Finding]:
    """Find harm-laden wording of a party's own act: "P's forces massacred ...", "massacred by P"."""
    for i, word in enumerate(c.words):
        if word not in lx.HARM or _negated(c, i) or is_open(c, i):
            continue
        if word in {"broke", "broken", "breaks"} and not lx.BROKEN & set(c.words[i + 1 : i + 7]):
            continue
        for target in _culprits(c, i):
            yield Finding(target, CRITICIZE, voice(c, c.group_start(i), c.party(target)), (i,))


def _culprits(c: Clauses, i: int) -> list[int]:
    if c.word(i + 1) == "by":
        return c.phrase_parties(i + 2)
    passive = any(word in lx.BE_FORMS for word in c.words[c.group_start(i) : i])
    return (
        [] if passive else [j for j in subjects(c, i) if not {c.word(k) for k in c.owned(j)} & lx.OTHERS_OF]
    )


def truthfulness(c: Clauses) -> Iterator[Finding]:
    """Find "P falsely claims", "P rightly refused"."""
    for i, word in enumerate(c.words):
        around = c.words[c.group_start(i) : i + 2]
        if word not in lx.FALSELY | lx.RIGHTLY or not lx.BE_FORMS.isdisjoint(around):
            continue
        label = CRITICIZE if word in lx.FALSELY else SUPPORT
        for target in subjects(c, i):
            if c.is_head(target) or c.owned(target):
                yield Finding(
                    target, label, voice(c, c.group_start(i), c.party(target)), (i, min(i + 1, len(c) - 1))
                )


def scare_quotes(c: Clauses) -> Iterator[Finding]:
    """Find "P's 'humanitarian' convoy" and "P's so-called referendum"."""
    for j in range(len(c)):
        if not c.party(j):
            continue
        for k in c.owned(j):
            quoted = c.is_quote(k - 1) and c.word(k) in lx.LEGITIMATE and c.is_quote(k + 1)
            if quoted or (c.word(k) == "so-called" and c.word(k + 1)):
                yield Finding(j, CRITICIZE, voice(c, j, c.party(j)), (k,))


def obligations(c: Clauses) -> Iterator[Finding]:
    """Find "P must withdraw", "P should be punished", "P must be helped"."""
    for i, word in enumerate(c.words):
        two = (word, c.word(i + 1)) in MUST_PHRASES
        if not two and word not in MUST:
            continue
        after = [k for k in range(i + 1 + two, i + 5 + two) if c.word(k) in lx.OBLIGATIONS]
        targets = subjects(c, i)
        if not after or len(targets) != 1 or is_open(c, i):
            continue
        label = lx.OBLIGATIONS[c.word(after[0])]
        negated = any(c.is_negation(k) for k in range(i, after[0]))
        stance = opposite(label) if negated else label
        if label == SUPPORT and not c.is_head(targets[0]):
            continue
        yield Finding(targets[0], stance, voice(c, i, c.party(targets[0])), (i, after[0]))


def consequences(c: Clauses) -> Iterator[Finding]:
    """Find "if P invades, it will pay a heavy price"."""
    for i, word in enumerate(c.words):
        if word not in lx.PAYING or not any(w in lx.MODALS for w in c.words[c.group_start(i) : i]):
            continue
        noun = next((k for k in range(i + 1, i + 7) if c.word(k) in lx.CONSEQUENCES), 0)
        targets = subjects(c, i) or _condition(c, i)
        if noun and len(targets) == 1 and not _negated(c, i):
            yield Finding(targets[0], CRITICIZE, voice(c, i, c.party(targets[0])), (i, noun))


def _condition(c: Clauses, i: int) -> list[int]:
    """Return the subject of the if-clause that a pronoun before the verb at i takes up."""
    if c.word(c.group_start(i) - 1) not in lx.PRONOUNS:
        return []
    for k in range(i, max(-1, i - VOICE_REACH), -1):
        if c.word(k) == "if":
            return c.phrase_parties(k + 1)
    return []


def reactions(c: Clauses) -> Iterator[Finding]:
    """Find "P faces criticism", "P came under criticism from A", "P won praise"."""
    for i, word in enumerate(c.words):
        under = word in lx.COMING and c.word(i + 1) == "under"
        if (not under and word not in lx.FACING) or _negated(c, i) or is_open(c, i):
            continue
        if not lx.MODALS.isdisjoint(c.words[max(0, i - 2) : i]):
            continue
        noun = next((k for k in range(i + 1, i + 6) if c.word(k) in lx.REACTIONS), 0)
        for target in subjects(c, i) if noun else ():
            givers = [
                j
                for k in range(noun, noun + 4)
                if c.word(k) in {"from", "by"}
                for j in c.phrase_parties(k + 1)
            ]
            holder = c.party(givers[0]) if givers else ""
            yield Finding(target, lx.REACTIONS[c.word(noun)], holder or agent(c, noun), (i, noun))


def own_praise(c: Clauses) -> Iterator[Finding]:
    """Find "P hailed its victory": the one stance whose holder is its target (codebook, rule 9)."""
    for i, word in enumerate(c.words):
        if word in lx.PRAISING and c.word(i + 1) in lx.OWN and not _negated(c, i):
            for target in subjects(c, i)[:1]:
                yield Finding(target, SUPPORT, c.party(target), (i, i + 1))


RULES: tuple[Rule, ...] = (
    judged_conduct, predicates, branding, harm, truthfulness, scare_quotes, obligations, consequences,
    reactions, own_praise,
)  # fmt: skip
