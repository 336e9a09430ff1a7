"""What can be wrong with labelled rows, found without a model: from copies to annotators who never differ.

A pair is a sentence (its words alone, see `splits.normalise`) and a party. Needs `partystance[train]`.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, ItemsView, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import TypeVar

from partystance.labelled import LabelledFile, LabelledRow
from partystance.labels.dse import NO_RELATION
from partystance.parties import Registry
from partystance.schema import LABELS
from partystance.splits import Leak, contamination_report, near_duplicate_clusters, normalise

COLLAPSED = 0.95
"""Share of one label from which a split, or an annotator, tells next to nothing."""

MIN_ANNOTATED = 20
"""Rows an annotator must have labelled before saying always the same means anything."""

_EXCERPT = 60  # characters


class Severity(StrEnum):
    """An error makes scores or labels wrong; a warning is for somebody to look at."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, where, and how many rows (or repairs) it is about."""

    check: str
    severity: Severity
    message: str
    places: tuple[str, ...] = ()
    count: int = 1


Rows = Sequence[LabelledRow]


def check_files(files: Sequence[LabelledFile], registry: Registry | None) -> list[Finding]:
    """Run every check over files that belong together, errors first.

    Args:
        files: each its own split, unless its rows name theirs.
        registry: who is known; None where parties are names and not ids.
    """
    rows = [row for file in files for row in file.rows]
    findings = [finding for file in files for finding in (*broken_rows(file), *repairs(file))]
    findings += [finding for check in CHECKS for finding in check(rows)]
    findings += unknown_parties(rows, registry) if registry else ()
    return sorted(findings, key=lambda finding: finding.severity)


def broken_rows(file: LabelledFile) -> Iterator[Finding]:
    """Report rows that cannot be used: offsets that do not match, missing fields, unknown labels."""
    for error in file.broken:
        yield Finding("broken row", Severity.ERROR, error.reason, (f"{error.path}:{error.line}",))


def repairs(file: LabelledFile) -> Iterator[Finding]:
    """Report what the reader of a public corpus had to mend or leave out."""
    for reason, count in (file.repairs or {}).items():
        if reason != NO_RELATION:  # not labelled, by design of the corpus
            yield Finding(
                "mended or left out", Severity.WARNING, f"{count} × {reason}", (str(file.path),), count
            )


def repeated_ids(rows: Rows) -> Iterator[Finding]:
    """Report ids that more than one row has."""
    for row_id, same in _grouped(rows, lambda row: row.example.id):
        if len(same) > 1:
            yield _finding("repeated id", Severity.ERROR, repr(row_id), same)


def conflicting_labels(rows: Rows) -> Iterator[Finding]:
    """Report pairs that were labelled more than once, and not the same.

    A neutral row of one holder contradicts nobody: others may take a stance.
    """
    of_anybody = [row for row in _labelled(rows) if not row.example.of_one_holder]
    for (_, party), same in _grouped(of_anybody, _pair):
        counts = Counter(row.example.label for row in same)
        if len(counts) > 1:
            labels = ", ".join(f"{counts[label]} {label}" for label in LABELS if label in counts)
            message = f"{party!r} is {labels} in {_excerpt(same[0].example.text)}"
            yield _finding("conflicting labels", Severity.ERROR, message, same)


def copied_rows(rows: Rows) -> Iterator[Finding]:
    """Report pairs that one split holds more than once, with one label."""

    def key(row: LabelledRow) -> tuple[str, str, tuple[str, str]]:
        return row.example.split, row.example.holder if row.example.of_one_holder else "", _pair(row)

    for (_, _, (_, party)), same in _grouped(rows, key):
        if len(same) > 1 and len({row.example.label for row in same}) == 1:
            message = f"{party!r} in {_excerpt(same[0].example.text)}"
            yield _finding("copied row", Severity.WARNING, message, same)


def near_duplicates(rows: Rows) -> Iterator[Finding]:
    """Report sentences of one split that differ in a word or two."""
    for _, part in _grouped(rows, lambda row: row.example.split):
        first: dict[str, LabelledRow] = {}
        for row in part:
            first.setdefault(normalise(row.example.text), row)
        clusters = near_duplicate_clusters(list(first))
        alike: dict[int, list[LabelledRow]] = defaultdict(list)
        for row, cluster in zip(first.values(), clusters, strict=True):
            alike[cluster].append(row)
        for same in alike.values():
            if len(same) > 1:
                message = f"{len(same)} sentences like {_excerpt(same[0].example.text)}"
                yield _finding("near-duplicate sentences", Severity.WARNING, message, same)


_LEAKS = {
    "group": "article in two splits",
    "identical": "sentence in two splits",
    "near-identical": "near-duplicate sentence in two splits",
}


def contamination(rows: Rows) -> Iterator[Finding]:
    """Report what two splits share: articles, sentences, near-identical sentences."""
    splits = {split: [row.example for row in part] for split, part in _grouped(rows, _split)}
    places: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in rows:
        places[row.example.split, row.example.id].append(row.place)
    for leak in contamination_report(splits).leaks:
        sides = " and ".join(leak.splits)
        where = (place for side in _sides(leak) for place in places[side])
        what = repr(leak.what) if leak.kind == "group" else _excerpt(leak.what)
        yield Finding(
            _LEAKS[leak.kind], Severity.ERROR, f"{what}: {sides}", tuple(where), sum(map(len, leak.ids))
        )


def _sides(leak: Leak) -> Iterator[tuple[str, str]]:
    for split, ids in zip(leak.splits, leak.ids, strict=True):
        yield from ((split, row_id) for row_id in dict.fromkeys(ids))


def class_balance(rows: Rows) -> Iterator[Finding]:
    """Report splits where a class is absent, or one class is nearly all there is."""
    for split, part in _grouped(rows, _split):
        counts = Counter(row.example.label for row in _labelled(part))
        total = counts.total()
        wrong = [f"no row is {label}" for label in LABELS if not counts[label]] if total else ["no labels"]
        wrong += [f"{n} of {total} rows are {name}" for name, n in counts.items() if n > COLLAPSED * total]
        if wrong:
            yield Finding("class collapse", Severity.WARNING, f"{split}: {'; '.join(wrong)}", count=len(part))


def unvarying_annotators(rows: Rows) -> Iterator[Finding]:
    """Report annotators who nearly always say the same, and how often others say so of the same rows."""
    said: dict[str, Counter[str]] = defaultdict(Counter)
    others: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        given = [(a.annotator, a.label) for a in row.example.annotations if a.annotator and a.label]
        for annotator, label in given:
            said[annotator][label] += 1
            others[annotator].update(other for name, other in given if name != annotator)
    for annotator, counts in said.items():
        label, n = counts.most_common(1)[0]
        if counts.total() < MIN_ANNOTATED or n < COLLAPSED * counts.total():
            continue
        message = f"{annotator!r} says {label} in {n} of {counts.total()} rows"
        if total := others[annotator].total():
            message += f", others in {others[annotator][label]} of {total}"
        yield Finding("unvarying annotator", Severity.WARNING, message, count=counts.total())


def unknown_parties(rows: Rows, registry: Registry) -> Iterator[Finding]:
    """Report parties that are no id of the registry."""
    known = list(registry.parties)
    for party, same in _grouped(rows, lambda row: row.example.party):
        if party not in registry.parties:
            near = get_close_matches(party.casefold(), known, n=1)
            message = repr(party) + (f" (did you mean {near[0]!r}?)" if near else "")
            yield _finding("unknown party", Severity.WARNING, message, same)


CHECKS: tuple[Callable[[Rows], Iterable[Finding]], ...] = (
    repeated_ids,
    conflicting_labels,
    contamination,
    copied_rows,
    near_duplicates,
    class_balance,
    unvarying_annotators,
)
"""Checks of rows that need nothing else."""


Key = TypeVar("Key", bound=Hashable)


def _grouped(
    rows: Iterable[LabelledRow], key: Callable[[LabelledRow], Key]
) -> ItemsView[Key, list[LabelledRow]]:
    groups: dict[Key, list[LabelledRow]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups.items()


def _labelled(rows: Rows) -> list[LabelledRow]:
    return [row for row in rows if row.example.label]


def _split(row: LabelledRow) -> str:
    return row.example.split


def _pair(row: LabelledRow) -> tuple[str, str]:
    return normalise(row.example.text), row.example.party


def _finding(check: str, severity: Severity, message: str, rows: Rows) -> Finding:
    return Finding(check, severity, message, tuple(row.place for row in rows), len(rows))


def _excerpt(text: str) -> str:
    words = " ".join(text.split())
    return f"“{words if len(words) <= _EXCERPT else words[:_EXCERPT].rstrip() + '…'}”"
