"""GerNTSA, the German News Topic Sentiment Analysis Dataset (a thesis at the FH Kufstein Tirol).

Format: one JSON array, in German; each item has `id`, `opinion_snippet` (one sentence, or two joined by "..
"), `target` (a news topic: persons and organisations, but also things), `target_anchor` with `from` and
`to` (characters of the snippet, end exclusive) and `sentiment` with `polarity` (positive, neutral,
negative). As in the README of https://github.com/cgoer/GerNTSA (CC BY 4.0) and in `GerNTSA.json` there; the
anchors' end is as seen in the file.

A target may be part of a compound (`Kinder` in `Kinderarzt`): it is marked as annotated. Neither the
article nor who takes the stance is annotated. Who wrote the thesis, other than the account `cgoer`, and
when, could not be confirmed.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from partystance.errors import InputError
from partystance.labels.published import at_offsets, field, json_file, lone_row, once_each, placed_at, stance
from partystance.schema import Example

LABEL_SOURCE = "gerntsa"

_POLARITY = {"positive": "support", "neutral": "neutral", "negative": "criticize"}


def read_gerntsa(path: Path | str, counts: Counter[str] | None = None) -> Iterator[Example]:
    """Read `GerNTSA.json`; every item becomes a row, repeated ones once.

    Args:
        path: the file as published.
        counts: is filled with what was left out or mended, by reason.

    Raises:
        InputError: not a JSON array, or an item lacks a field or has an unknown polarity; names the item.
    """
    counts = Counter() if counts is None else counts
    yield from once_each(_examples(Path(path), counts), counts)


def _examples(path: Path, counts: Counter[str]) -> Iterator[Example]:
    items = json_file(path)
    if not isinstance(items, list):
        raise InputError(path, f"holds {type(items).__name__}, not a list of annotated snippets")
    for number, item in enumerate(items, start=1):
        with placed_at(path, f"item {number}"):
            example = _example(item, counts)
        if example:
            yield example


def _example(item: Any, counts: Counter[str]) -> Example | None:
    text, anchor = field(item, "opinion_snippet", str), field(item, "target_anchor", dict)
    label = stance(field(field(item, "sentiment", dict), "polarity", str), _POLARITY, "polarity")
    name = f"{LABEL_SOURCE}:{field(item, 'id', str)}"
    start, end = field(anchor, "from", int), field(anchor, "to", int)
    mention = at_offsets(text, field(item, "target", str), start, end, counts)
    return mention and lone_row(name, text, mention, label)
