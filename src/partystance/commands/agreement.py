"""`partystance agreement`: how far annotators agree, on what, and where not."""

from pathlib import Path
from typing import Annotated

import typer

from partystance.agreement import agreement_report, plain
from partystance.console import readable_errors
from partystance.errors import PartystanceError
from partystance.files import write_json
from partystance.ratings import read_ratings
from partystance.report.agreement import agreement_tables, write_disagreements

Files = Annotated[
    list[str],
    typer.Argument(
        help="rows with 'annotations', or one file an annotator, named by the file or as NAME=FILE"
    ),
]


def agreement(
    files: Files,
    out: Annotated[
        Path | None, typer.Option(help="a folder for agreement.json and disagreements.csv")
    ] = None,
) -> None:
    """Measure how far annotators agree: kappas, alpha and AC1, and what they disagree on.

    Rows are joined by id, or else by text and party. Cohen's kappa of more than two annotators is the mean
    over pairs. Intervals (95 %) come from resampling whole articles.

    Examples:

        partystance agreement data/labels/invented.jsonl

        partystance agreement anna.csv bob.csv carol=third.jsonl --out agreement/
    """
    with readable_errors():
        ratings = read_ratings(files)
        if not ratings.shared().rows:
            names = ", ".join(ratings.annotators)
            rule = "rows are joined by id, or else by text and party"
            raise PartystanceError(f"no row has labels of two of the annotators {names}: {rule}")
        report = agreement_report(ratings)
        print(agreement_tables(report))
        if out:
            write_json(out / "agreement.json", plain(report))
            found = write_disagreements(out / "disagreements.csv", ratings.shared())
            print(f"\n{out}: agreement.json, and the {found} rows disagreed on in disagreements.csv")
