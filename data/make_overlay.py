"""Turn labelled rows of a corpus that may not be shipped into overlay lines: the labels without the text.

    python data/make_overlay.py labelled.jsonl dse=DSE/train.txt newsmtsc=MTSC/train.jsonl --sample polar

Adds to data/overlays/<corpus>.jsonl, as rows to train on: what is held out there stays as it is, and a row
that shares an article with it is left out. Says what became of every row. A few seconds.
"""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from partystance.console import readable_errors
from partystance.errors import PartystanceError
from partystance.labels.overlays import (
    corpus_and_path,
    extended_overlay,
    keyed_sentences,
    sentence_key,
    write_overlay,
)
from partystance.tables import read_examples, read_rows


def main(
    labelled: Annotated[
        Path, typer.Argument(help="rows with their text, as `partystance import` writes them")
    ],
    corpora: Annotated[list[str], typer.Argument(help="corpus=file: dse=..., newsmtsc=...")],
    sample: Annotated[str, typer.Option(help="how these sentences were drawn, e.g. natural or polar")],
    folder: Annotated[Path, typer.Option(help="where the overlays are")] = Path("data/overlays"),
) -> None:
    """Add labelled rows to the overlays."""
    with readable_errors():
        rows = list(read_examples(labelled))
        if without := [row.id for row in rows if not row.label]:
            raise PartystanceError(f"{labelled}: row {without[0]!r} has no label")
        left = rows
        for argument in corpora:
            corpus, path = corpus_and_path(argument)
            sentences = keyed_sentences(corpus, path)
            overlay = folder / f"{corpus}.jsonl"
            lines = list(read_rows(overlay)) if overlay.exists() else []
            own = [row for row in left if sentence_key(row.text) in sentences]
            left = [row for row in left if sentence_key(row.text) not in sentences]
            counts: Counter[str] = Counter()
            lines = extended_overlay(lines, own, sentences, sample, counts)
            write_overlay(overlay, iter(lines))
            print(f"{overlay}: {len(lines)} rows; " + ", ".join(f"{n} {what}" for what, n in counts.items()))
        if left:
            print(f"{len(left)} rows of {len(rows)}: their sentence is in none of these corpora")


if __name__ == "__main__":
    typer.run(main)
