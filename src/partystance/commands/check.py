"""`partystance check`: what is wrong with labelled files, and which labels to look at again."""

import os
import sys
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from partystance.console import FAILED, readable_errors
from partystance.errors import PartystanceError, needs_extra
from partystance.files import write_text
from partystance.labelled import LabelledFile, read_labelled
from partystance.labels.corpora import Format
from partystance.parties import Registry
from partystance.schema import LABELS
from partystance.splits import article_keys
from partystance.tables import RowWriter

if TYPE_CHECKING:
    from partystance.checks import Finding

SHOWN, SHOWN_PLACES = 6, 2
"""How many findings of a check, and places of a finding, are printed; `--out` writes all."""

COLUMNS = ("severity", "check", "message", "count", "places")


def check(
    files: Annotated[list[Path], typer.Argument(help="labelled files that belong together, each a split")],
    kind: Annotated[
        Format, typer.Option("--format", help="our rows, or a corpus as published")
    ] = Format.ROWS,
    parties: Annotated[
        list[Path] | None,
        typer.Option(help="a YAML registry; repeat to merge several [default: the shipped ones]"),
    ] = None,
    suspects: Annotated[
        int, typer.Option(min=0, help="how many labels to name that are most likely wrong (needs --out)")
    ] = 0,
    out: Annotated[
        Path | None, typer.Option(help="a folder for findings.csv, suspects.csv and suspects.html")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="let warnings count as errors")] = False,
) -> None:
    """Look for mistakes in labelled files: broken rows, copies, conflicts, leaks between splits, and more.

    Exit status 1 when there is an error. With --suspects, a model trained on the other articles reads every
    row, and the rows whose label it believes least are written down with the reasons.

    Examples:

        partystance check train.jsonl validation.jsonl test.jsonl

        partystance check labels.jsonl --suspects 50 --out checked

        partystance check --format newsmtsc train.jsonl rw_dev.jsonl mt_dev.jsonl
    """
    with readable_errors():
        if suspects and out is None:
            raise PartystanceError("--suspects needs a folder to write to: --out DIR")
        registry = Registry.shipped() if parties is None else Registry.load(*parties)
        labelled = [read_labelled(path, kind) for path in files]
        with needs_extra("train,clean", "check"):
            findings = _findings(labelled, registry if kind == Format.ROWS else None)
            if out:
                _write_findings(out / "findings.csv", findings)
            if out and suspects:
                _write_suspects(out, labelled, registry, suspects)
        _print(labelled, findings)
        if any(finding.severity == "error" or strict for finding in findings):
            raise typer.Exit(FAILED)


def _findings(files: Sequence[LabelledFile], registry: Registry | None) -> "list[Finding]":
    from partystance.checks import check_files

    return check_files(files, registry)


def _write_findings(path: Path, findings: "Sequence[Finding]") -> None:
    with RowWriter(path, COLUMNS) as writer:
        for finding in findings:
            values = (finding.severity.value, finding.check, finding.message, finding.count)
            writer.write(dict(zip(COLUMNS, (*values, "\n".join(finding.places)), strict=True)))


def _write_suspects(out: Path, files: Sequence[LabelledFile], registry: Registry, count: int) -> None:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # the encoder is a folder of a package
    from partystance.report.suspects import suspects_page
    from partystance.suspects import COLUMNS, find_suspects

    rows = [row for file in files for row in file.rows]
    found = find_suspects(rows, registry, count)
    with RowWriter(out / "suspects.csv", COLUMNS) as writer:
        for suspect in found:
            writer.write(suspect.to_row())
    write_text(out / "suspects.html", suspects_page(found, [str(file.path) for file in files], len(rows)))
    print(f"{len(found)} suspects in {out / 'suspects.html'} and suspects.csv", file=sys.stderr)


def _print(files: Sequence[LabelledFile], findings: "Sequence[Finding]") -> None:
    for file in files:
        counts = Counter(row.example.label for row in file.rows)
        labels = ", ".join(f"{counts[label]} {label or 'without a label'}" for label in _ordered(counts))
        groups = len({article_keys(row.example)[0] for row in file.rows})
        print(f"{file.path}: {len(file.rows)} rows ({labels}) in {groups} groups")
    for (severity, name), group in groupby(findings, key=lambda f: (f.severity, f.check)):
        _print_check(f"{severity.value:8} {name}", list(group))
    errors = sum(finding.severity == "error" for finding in findings)
    print(f"{errors} errors, {len(findings) - errors} warnings")


def _ordered(counts: Counter[str]) -> list[str]:
    return [label for label in (*LABELS, "") if counts[label]]


def _print_check(title: str, findings: "Sequence[Finding]") -> None:
    rows = sum(finding.count for finding in findings)
    print(f"{title}: {len(findings)} ({rows} rows)")
    for finding in findings[:SHOWN]:
        places = [*finding.places[:SHOWN_PLACES], *["…"] * (len(finding.places) > SHOWN_PLACES)]
        print("        ", finding.message, f"[{', '.join(places)}]" if places else "")
    if len(findings) > SHOWN:
        print(f"         … and {len(findings) - SHOWN} more")
