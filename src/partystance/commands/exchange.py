"""`partystance export` and `partystance import`: rows out to a labelling tool, and back with labels."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from partystance.console import readable_errors
from partystance.errors import PartystanceError
from partystance.exchange import tools
from partystance.exchange.merge import Findings
from partystance.exchange.tasks import read_rows_to_label
from partystance.exchange.tools import ToolName
from partystance.schema import ROW_FIELDS
from partystance.tables import RowWriter, write_rows

_SHOWN = 5


def export(
    rows: Annotated[Path, typer.Argument(help="a labelled file, or what `partystance predict` wrote")],
    to: Annotated[ToolName, typer.Option(help="the tool to label in")],
    out: Annotated[Path, typer.Option(help=".json for Label Studio, .jsonl, or .csv/.xlsx for a sheet")],
    blind: Annotated[bool, typer.Option("--blind", help="suggest nothing: for an independent pass")] = False,
) -> None:
    """Write (sentence, party) tasks for an annotation tool, pre-filled with the labels that are there.

    Examples:

        partystance export stances.parquet --to label-studio --out tasks.json

        partystance export rows.jsonl --to sheet --out tasks.xlsx --blind
    """
    with readable_errors("no output file was changed"):
        progress = tqdm(read_rows_to_label(rows), desc="export", unit=" rows")
        tools.write(to, progress, out, blind=blind)
        print(f"{progress.n} tasks in {out}", file=sys.stderr)


def import_labels(
    files: Annotated[list[Path], typer.Argument(help="what the tool exported: one file or several")],
    source: Annotated[ToolName, typer.Option("--from", help="the tool they come from")],
    rows: Annotated[Path, typer.Option(help="the file that was given to `partystance export`")],
    out: Annotated[Path, typer.Option(help="the labelled file to write: .jsonl, .csv or .parquet")],
    annotator: Annotated[
        list[str] | None,
        typer.Option(help="tool's name=your name, e.g. user-2=ben; repeat for more"),
    ] = None,
) -> None:
    """Put the labels of an annotation tool on the rows they were asked about.

    A row gets its label when one person answered or all agree; where they differ, `partystance aggregate`
    decides. Answers that fit no row are listed in OUT with the ending .refused.jsonl.

    Examples:

        partystance import project-1.json --from label-studio --rows stances.parquet --out labelled.jsonl

        partystance import ann.jsonl ben.jsonl --from doccano --rows rows.jsonl --out labelled.jsonl
    """
    with readable_errors("no output file was changed"):
        findings, names = Findings(), _names(annotator or [])
        labelled = tools.read(source, files, read_rows_to_label(rows), findings, names)
        with RowWriter(out, ROW_FIELDS) as writer:
            for row in tqdm(labelled, desc="import", unit=" rows"):
                writer.write(row.to_row())
        _tell(findings, out)


def _names(options: list[str]) -> dict[str, str]:
    """`["user-2=ben"]` -> `{"user-2": "ben"}`."""
    pairs = [option.partition("=") for option in options]
    if wrong := [option for option, (old, _, new) in zip(options, pairs, strict=True) if not (old and new)]:
        raise PartystanceError(f"--annotator {wrong[0]!r}: write it as old=new, e.g. --annotator user-2=ben")
    return {old: new for old, _, new in pairs}


def _tell(findings: Findings, out: Path) -> None:
    """Print the counts; list every refused answer in a file, the first of them on the screen too."""
    refused, listing = findings.problems, out.with_suffix(".refused.jsonl")
    listing.unlink(missing_ok=True)  # of an earlier import
    print(*findings.lines(), sep="\n", file=sys.stderr)
    for problem in refused[:_SHOWN]:
        print(f"refused: {problem.place}: row {problem.row_id!r}: {problem.reason}", file=sys.stderr)
    if refused:
        write_rows(listing, (problem.to_row() for problem in refused))
        print(f"{len(refused)} answers refused, all in {listing}", file=sys.stderr)
