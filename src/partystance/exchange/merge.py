"""What comes back: answers of annotators, checked against the rows they are about, and put there.

Nothing is dropped in silence: an answer is on its row, or older than another of the same annotator, or in
`Findings.problems` with its place and the reason.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace

from partystance.labels.handmade import HUMAN, RULE
from partystance.schema import LABELS, Annotation, Example, Mention, Stance

PROGRAMS = ("llm:", "model:")
"""How annotators that are programs are called, beside `rule`; they have no vote beside people."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one annotator said of one task, as the tool gave it back.

    Attributes:
        place: where it stands, for messages: a file and a line or task.
        label: the stance, as the tool calls it; several joined by a comma where it allowed that.
        text: the sentence as the tool returned it.
        spans: the party's mentions as the tool returned them, in code points; none where it has no spans.
        when: seconds since 1970, 0 where the tool does not say; among equals the later read is the newer.
    """

    place: str
    row_id: str
    annotator: str
    label: str
    holder: str
    text: str
    spans: tuple[Mention, ...] = ()
    when: float = 0.0


@dataclass(frozen=True, slots=True)
class Problem:
    """An answer that was not used: where it stands, whose it is, and why."""

    place: str
    row_id: str
    annotator: str
    reason: str

    def to_row(self) -> dict[str, str]:
        """Return the problem as plain values."""
        return asdict(self)


class Findings:
    """What an import met.

    Attributes:
        counts: how many of what, in words.
        problems: every answer that could not be used.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.problems: list[Problem] = []

    def refuse(self, place: str, row_id: str, annotator: str, reason: str) -> None:
        """Note an answer that cannot be used."""
        self.problems.append(Problem(place, row_id, annotator, reason))

    def lines(self) -> list[str]:
        """Return the counts, a line each."""
        return [f"{number:6d}  {what}" for what, number in self.counts.items() if number]


def merge(rows: Iterable[Example], answers: Iterable[Answer], findings: Findings) -> Iterator[Example]:
    """Yield every row, in order, with the answers to it in `annotations`.

    A row gets its label when one person answered or all agree; where they differ it has none, and is left to
    `partystance aggregate`. A row without an answer stays as it is. An annotation the row already had stays,
    unless its annotator answered again.

    Args:
        rows: what was exported.
        answers: from one export or several, in any order; of one annotator's answers to a row the newest
            counts.
        findings: is filled.
    """
    waiting: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        findings.counts["answers read"] += 1
        waiting[answer.row_id].append(answer)
    for row in rows:
        given = _newest(row, waiting.pop(row.id, []), findings)
        findings.counts["rows"] += 1
        yield _labelled(row, given, findings) if given else _unanswered(row, findings)
    for answer in (answer for left in waiting.values() for answer in left):
        reason = "no row of the exported file has this id"
        findings.refuse(answer.place, answer.row_id, answer.annotator, reason)


def _newest(row: Example, answers: list[Answer], findings: Findings) -> list[Answer]:
    """The newest answer of each annotator that fits the row, in the order they first answered."""
    newest: dict[str, Answer] = {}
    for answer in sorted(answers, key=lambda a: a.when):
        if reason := _misfit(answer, row):
            findings.refuse(answer.place, answer.row_id, answer.annotator, reason)
            continue
        findings.counts["older answers of the same annotator, replaced"] += answer.annotator in newest
        newest[answer.annotator] = answer
    return list(newest.values())


def _misfit(answer: Answer, row: Example) -> str:
    """Why an answer cannot be about this row; empty if it can."""
    if not answer.label:
        return "submitted without a stance"
    if answer.label not in LABELS:
        return f"label {answer.label!r} is not one of {', '.join(LABELS)}"
    if _letters(answer.text) != _letters(row.text):
        return f"its sentence is not the row's: {answer.text[:80]!r}"
    for span in answer.spans:
        try:
            span.check(row.text)
        except ValueError as error:
            return str(error)
    return ""


def _letters(text: str) -> str:
    """A text without white space and control characters, which spreadsheets and browsers change."""
    return "".join(letter for letter in text if letter.isprintable() and not letter.isspace())


def _unanswered(row: Example, findings: Findings) -> Example:
    findings.counts["rows without an answer, left as they were"] += 1
    return row


def _labelled(row: Example, given: list[Answer], findings: Findings) -> Example:
    """The row with its answers, and with a label if there is only one opinion among people."""
    if any(set(answer.spans) - set(row.mentions) for answer in given):
        findings.counts["rows where an annotator marked other words; the row keeps its own"] += 1
    names = {answer.annotator for answer in given}
    said = tuple(old for old in row.annotations if old.annotator not in names)
    said += tuple(Annotation(answer.annotator, answer.label, answer.holder) for answer in given)
    people = [one for one in said if one.annotator != RULE and not one.annotator.startswith(PROGRAMS)]
    agree = len({one.label for one in people}) == 1
    findings.counts["rows labelled" if agree else "rows whose annotators differ, left to aggregate"] += 1
    return _with_label(replace(row, annotations=said), people if agree else [])


def _with_label(row: Example, agreed: list[Annotation]) -> Example:
    label = agreed[0].label if agreed else ""
    holders = {one.holder for one in agreed if label != Stance.NEUTRAL}  # codebook: nobody holds neutral
    kept = label == row.label and label != ""  # voice and mixed belong to the label they came with
    return replace(
        row,
        label=label,
        label_source=HUMAN if agreed else "",
        holder=holders.pop() if len(holders) == 1 else "",
        voice=row.voice if kept else "",
        mixed=row.mixed and kept,
    )
