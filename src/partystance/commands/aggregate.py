"""`partystance aggregate`: several annotators' labels become one, with how sure it is."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from partystance.aggregation import Aggregate, Method, aggregate
from partystance.commands.agreement import Files
from partystance.console import aligned, readable_errors
from partystance.ratings import read_ratings
from partystance.tables import check_format, write_rows

FEW = 3
"""Annotators below which the model of Dawid and Skene has nothing to go by."""


def aggregate_labels(
    files: Files,
    out: Annotated[Path, typer.Option(help="a .csv, .jsonl or .parquet file")],
    method: Annotated[
        Method, typer.Option(help="count heads, or weigh annotators by how careful they seem")
    ] = Method.MAJORITY,
) -> None:
    """Make one label a row of several annotators' labels, with its probabilities as p_support, p_neutral, ...

    A row on which the vote is tied has probabilities, but no label. Rows without annotations stay as they
    are. Training uses the probabilities with soft_labels=true. Dawid-Skene needs partystance[crowd].

    Examples:

        partystance aggregate anna.csv bob.csv carol.csv --out settled.jsonl

        partystance aggregate data/labels/invented.jsonl --method dawid-skene --out settled.parquet
    """
    with readable_errors("no output file was changed"):
        check_format(out)
        ratings = read_ratings(files)
        if method == Method.DAWID_SKENE and len(ratings.annotators) < FEW:
            print(
                f"note: with {len(ratings.annotators)} annotators dawid-skene cannot tell who is right; "
                "it wants three or more",
                file=sys.stderr,
            )
        result = aggregate(ratings, method)
        write_rows(out, (row.to_row() for row in result.rows))
        print(_summary(result))


def _summary(result: Aggregate) -> str:
    lines = [["annotator", "labels", "equal the result"]]
    for name, (given, equal) in result.agreeing.items():
        lines.append([name, str(given), f"{equal} ({equal / given:.1%})"])
    settled = len(result.rows) - result.ties - result.untouched
    return (
        f"{settled} rows settled, {result.changed} of them differently than before; {result.ties} ties left "
        f"without a label; {result.untouched} rows without annotations kept as they were\n\n{aligned(lines)}"
    )
