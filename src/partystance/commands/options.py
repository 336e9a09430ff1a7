"""Options that several commands share, so that articles are named to all of them in the same way."""

from pathlib import Path
from typing import Annotated

import typer

from partystance.errors import PartystanceError

Inputs = Annotated[
    list[str],
    typer.Argument(help="files (.txt .html .jsonl .csv .parquet), folders, globs, or - for standard input"),
]
Parties = Annotated[
    list[Path] | None,
    typer.Option("--parties", help="a YAML registry; repeat to merge several [default: the shipped ones]"),
]
Columns = Annotated[
    list[str] | None,
    typer.Option("--column", help="field=column for tables, e.g. --column text=body; repeat for more"),
]
Strict = Annotated[bool, typer.Option("--strict", help="stop at the first unusable record, do not count it")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, ... [default: a GPU if any]")]


def columns_of(options: list[str] | None) -> dict[str, str] | None:
    """`["text=body"]` -> `{"text": "body"}`. Raises `PartystanceError` for an option without its sign."""
    pairs = [option.partition("=") for option in options or []]
    for (field, sign, name), option in zip(pairs, options or [], strict=True):
        if not (field and sign and name):
            raise PartystanceError(f"--column {option!r}: write it as field=column, e.g. --column text=body")
    return {field: name for field, _, name in pairs} or None
