"""The rule labeller: stance by who does what to whom, from token patterns alone.

It is made for precision: where no rule is sure, the label is `neutral`. Its words are in `lexicon`, its rules
in `acts` and `judgements`, and every label it gives is a weak one (`label_source: rule`) that yields to any
other.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from partystance.labels import acts, judgements
from partystance.labels import lexicon as lx
from partystance.labels.acts import Finding
from partystance.labels.clauses import Clauses, PartyMentionLike
from partystance.parties import PartyMention, Registry
from partystance.schema import AUTHOR, Example, Stance

SUBORDINATE_REACH = 15
"""How many tokens before a cue a subordinator makes its clause a subordinate one."""


@dataclass(frozen=True, slots=True)
class RuleLabel:
    """What the rules say of one party in one sentence.

    Attributes:
        label: the stance toward the party.
        holder: who takes it: a party id, a name as written, `author`, or empty (neutral, or nobody is named).
        evidence: the words the rule fired on, for the reader; empty where none did.
        mixed: two holders took opposite stances and neither outranks the other (codebook, rule 7).
    """

    label: Stance
    holder: str = ""
    evidence: str = ""
    mixed: bool = False


class RuleLabeller:
    """Labels the parties of one sentence. Stateless; takes time linear in the sentence's length."""

    def label(self, text: str, mentions: Sequence[PartyMentionLike]) -> dict[str, RuleLabel]:
        """Return a label for every party mentioned, in order of first mention.

        Args:
            text: one sentence (more text works too, sentence boundaries then end every pattern).
            mentions: where parties are named; of overlapping mentions the first counts.
        """
        clauses = Clauses(text, mentions)
        found: dict[str, list[Finding]] = {m.party: [] for m in sorted(mentions, key=lambda m: m.start)}
        for rule in acts.RULES + judgements.RULES:
            for finding in rule(clauses):
                party = clauses.party(finding.target)
                if finding.label != Stance.NEUTRAL and (
                    finding.holder != party or rule is judgements.own_praise
                ):
                    found[party].append(finding)
        return {party: _settle(clauses, findings) for party, findings in found.items()}


def rule_answers(rows: Sequence[Example], registry: Registry | None) -> list[RuleLabel]:
    """Return what the rule labeller says of each row.

    It sees every mention in a sentence: those of the rows, and what the registry finds between them.
    """
    mentions: dict[str, list[PartyMention]] = defaultdict(list)
    for row in rows:
        mentions[row.text] += [PartyMention(m.start, m.end, m.surface, row.party) for m in row.mentions]
    labeller, labels = RuleLabeller(), {}
    for text, own in mentions.items():
        found = registry.find(text) if registry else []
        others = [f for f in found if not any(m.start < f.end and f.start < m.end for m in own)]
        labels[text] = labeller.label(text, sorted(own + others, key=lambda m: (m.start, m.end, m.party)))
    return [labels[row.text][row.party] for row in rows]


def _settle(clauses: Clauses, findings: list[Finding]) -> RuleLabel:
    """Return one label for one party: of opposite stances the main clause's, else a mixed neutral."""
    if len({f.label for f in findings}) > 1:
        main = [f for f in findings if not _is_subordinate(clauses, min(f.cues))]
        if len({f.label for f in main}) != 1:
            cues = (i for f in findings for i in f.cues)
            return RuleLabel(Stance.NEUTRAL, evidence=clauses.evidence(*cues), mixed=True)
        findings = main
    if not findings:
        return RuleLabel(Stance.NEUTRAL)
    best = min(findings, key=_vagueness)
    return RuleLabel(best.label, best.holder, clauses.evidence(*best.cues))


def _vagueness(finding: Finding) -> int:
    """Return 0 where the holder is named, 1 for the author, 2 where nobody is."""
    return 2 if not finding.holder else int(finding.holder == AUTHOR)


def _is_subordinate(clauses: Clauses, i: int) -> bool:
    """Return whether a subordinator opens the clause of token i."""
    for k in range(i - 1, max(-1, i - SUBORDINATE_REACH), -1):
        if clauses.is_stop(k):
            return False
        if clauses.word(k) in lx.SUBORDINATORS:
            return True
    return False
