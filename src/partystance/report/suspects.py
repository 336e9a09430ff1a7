"""The page of labels that are most likely wrong."""

from collections.abc import Sequence

from partystance.report.evaluation import pieces
from partystance.report.pages import page_environment
from partystance.schema import LABELS
from partystance.suspects import Suspect


def suspects_page(suspects: Sequence[Suspect], files: Sequence[str], rows: int) -> str:
    """Return a self-contained HTML page; every text in it is escaped, and it loads nothing.

    Args:
        suspects: what `find_suspects` returned.
        files: the files that were read, for the reader.
        rows: how many rows they have.
    """
    return (
        page_environment()
        .get_template("suspects.html")
        .render(suspects=suspects, files=files, rows=rows, labels=LABELS, pieces=pieces)
    )
