"""How far annotators agree, for a terminal, and the rows on which they do not, as a table."""

from collections.abc import Mapping
from math import isnan
from pathlib import Path
from typing import Any

from partystance.agreement import COEFFICIENTS
from partystance.console import aligned
from partystance.metrics import Estimate
from partystance.ratings import Ratings
from partystance.report.evaluation import SHOWN_PARTIES, with_interval
from partystance.schema import LABELS, Example, Stance
from partystance.tables import RowWriter

HEADER = ("rows", "agreement", "Cohen's kappa", "Fleiss' kappa", "Krippendorff's alpha", "Gwet's AC1")

OPPOSITE = {str(Stance.SUPPORT), str(Stance.CRITICIZE)}

Table = Mapping[str, Mapping[str, Estimate]]


def agreement_tables(report: Mapping[str, Any]) -> str:
    """Return what `agreement.agreement_report` found, as plain text."""
    rows, annotators, pairs = report["rows"], report["annotators"], report["pairs"]
    many = len(annotators) > 2
    parts = [
        f"{rows['shared']} of {rows['read']} rows have labels of two annotators or more; "
        f"{rows['articles']} articles; intervals: 95 %, articles resampled",
        _annotators(annotators),
        _coefficients("", {"all classes": report["overall"]}),
        _pairs(pairs) if many else "",
        *(_confusion(pair) for pair in pairs if pair["n"]),
        _coefficients("one class against the rest", report["per_class"]),
        _coefficients("phenomenon", report["per_phenomenon"]),
        _coefficients("party", report["per_party"]),
    ]
    return "\n\n".join(part for part in parts if part)


def write_disagreements(path: Path, ratings: Ratings) -> int:
    """Write the rows on which annotators disagree, a column an annotator; return how many there are.

    Opposite stances come first, then the order of the articles.
    """
    rows = [row for row in ratings.rows if len(_said(row)) > 1]
    rows.sort(key=lambda row: (not _said(row) >= OPPOSITE, row.doc_id, row.sentence_index, row.party, row.id))
    columns = [f"label_{name}" for name in ratings.annotators]
    fields = ("id", "doc_id", "sentence_index", "party", "text", "label", *columns, "phenomena")
    with RowWriter(path, fields) as writer:
        for row in rows:
            labels = {f"label_{said.annotator}": said.label for said in row.annotations}
            plain = row.to_row() | dict.fromkeys(columns, "") | labels
            writer.write({name: plain[name] for name in fields})
    return len(rows)


def _said(row: Example) -> set[str]:
    return {said.label for said in row.annotations}


def _annotators(annotators: Mapping[str, Mapping[str, int]]) -> str:
    lines = [["annotator", "rows", *LABELS]]
    for name, counts in annotators.items():
        lines.append([name, str(sum(counts.values())), *map(str, counts.values())])
    return aligned(lines)


def _coefficients(title: str, table: Table) -> str:
    """A line an entry, most rows first; the rest is only counted."""
    lines = [[title, *HEADER]]
    for name, entry in list(table.items())[:SHOWN_PARTIES]:
        lines.append([name, str(entry["agreement"].n), *(_cell(entry[key]) for key in COEFFICIENTS)])
    rest = f"\n({len(table) - SHOWN_PARTIES} more: --out writes all)" if len(table) > SHOWN_PARTIES else ""
    return aligned(lines) + rest if table else ""


def _pairs(pairs: list[dict[str, Any]]) -> str:
    lines = [["pair", "rows", "agreement", "Cohen's kappa"]]
    for pair in pairs:
        cells = (_cell(pair[key]) for key in ("agreement", "cohen_kappa"))
        lines.append([" / ".join(pair["annotators"]), str(pair["n"]), *cells])
    return aligned(lines)


def _confusion(pair: Mapping[str, Any]) -> str:
    first, second = pair["annotators"]
    lines = [[f"{first} (down), {second} (across)", *LABELS]]
    lines += [[label, *map(str, counts)] for label, counts in zip(LABELS, pair["confusion"], strict=True)]
    return aligned(lines)


def _cell(estimate: Estimate) -> str:
    return "-" if isnan(estimate.value) else with_interval(estimate)
