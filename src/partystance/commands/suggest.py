"""`partystance suggest`: which pairs to label next, and what more labels are worth."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from partystance.articles import read_articles
from partystance.commands.options import Columns, Device, Inputs, Parties, Strict, columns_of
from partystance.console import readable_errors
from partystance.corpus import pairs
from partystance.metrics import Estimate, class_indices
from partystance.parties import Registry
from partystance.schema import LABELS, Example
from partystance.splits import assign_groups
from partystance.suggestions import (
    Pool,
    Strategy,
    Suggestions,
    gather,
    light_adviser,
    trained_adviser,
)
from partystance.suggestions import suggest as choose
from partystance.tables import check_format, read_examples, write_rows

if TYPE_CHECKING:
    from partystance.learning_curve import LearningCurve

NEXT = (100, 300, 1000)
"""Numbers of further labels whose worth is told."""

WORTH = 0.01
"""Gain in macro-F1 that is worth the work: a point."""

SHOWN, SHOWN_CHARACTERS = 5, 90

_WHY = {
    (Strategy.MIXED, True): "the model is unsure of them, and they are unlike each other",
    (Strategy.MIXED, False): "unlike each other (no model yet, so nobody is unsure of anything)",
    (Strategy.UNCERTAIN, True): "the model is least sure of them",
    (Strategy.RANDOM, True): "drawn at random",
    (Strategy.RANDOM, False): "drawn at random",
}
"""By strategy, and whether there is a model."""


def suggest(
    inputs: Inputs,
    out: Annotated[Path, typer.Option(help="the .csv, .jsonl or .parquet file of rows to label")],
    n: Annotated[int, typer.Option("--n", min=1, help="how many pairs to choose")] = 100,
    model: Annotated[str | None, typer.Option(help="a run's folder or a hub id that is asked first")] = None,
    labelled: Annotated[
        list[Path] | None,
        typer.Option(help="rows labelled or given to annotators already; repeat for more"),
    ] = None,
    strategy: Annotated[
        Strategy, typer.Option(help="mixed: unsure and unlike each other; uncertain; random")
    ] = Strategy.MIXED,
    per_article: Annotated[int, typer.Option(min=1, help="the most pairs of one article")] = 5,
    pool: Annotated[int, typer.Option(min=1, help="look at no more pairs, drawn at random")] = 20_000,
    seed: Annotated[int, typer.Option(help="the same seed, the same choice")] = 13,
    parties: Parties = None,
    column: Columns = None,
    strict: Strict = False,
    device: Device = None,
) -> None:
    """Choose the next (sentence, party) pairs to label, and say what more labels are worth.

    Pairs of --labelled files are left out, and so are near-copies of their sentences. A model's label stands
    in `annotations` as a suggestion. Without --model, a quick classifier learns from the labelled rows.

    Examples:

        partystance suggest corpus/ --n 200 --out first.csv

        partystance suggest corpus/ --labelled labels.jsonl --out next.jsonl

        partystance suggest 'more/*.csv' --column text=body --model models/demo --labelled labels.jsonl \
--out next.csv
    """
    with readable_errors():
        from partystance.features import frozen_features  # or what to install

        check_format(out)
        registry = Registry.shipped() if parties is None else Registry.load(*parties)
        reader = read_articles(inputs, columns=columns_of(column), strict=strict)
        known = [row for path in labelled or [] for row in read_examples(path)]
        found = (pair for article in reader for pair in pairs(article, registry))
        candidates = gather(found, known, pool, seed)
        rows = [row for row in known if row.label]
        # Of a frozen encoder even where there is a model, which may have learnt these very rows.
        features = cache(lambda: frozen_features(rows, progress="reading labelled rows"))
        adviser = trained_adviser(model, registry, device) if model else light_adviser(rows, features)
        suggestions = choose(candidates, adviser, strategy, n, per_article, seed)
        write_rows(out, (row.to_row() for row in suggestions.rows))
        print(reader.summary(), file=sys.stderr)
        _print_choice(candidates, suggestions, strategy)
        if len(suggestions.rows) < n:
            print(f"fewer than {n}: no pairs are left that --per-article {per_article} allows")
        if labelled:
            print()
            print(*_worth(rows, features, seed), sep="\n")
        print(f"\nrows to label: {out}")


def _print_choice(pool: Pool, chosen: Suggestions, strategy: Strategy) -> None:
    rows, advised = chosen.rows, chosen.margins is not None
    lines = [
        ("pairs found", f"{pool.found}"),
        ("left out", f"{pool.labelled} labelled already, {pool.copies} near-copies of those"),
        ("looked at", f"{len(pool.examples)}"),
        ("chosen", f"{len(rows)} of {_number(rows, 'doc_id')} articles, {_number(rows, 'party')} parties"),
        ("because", _WHY[strategy, advised]),
    ]
    if advised:
        labels = Counter(row.annotations[0].label for row in rows)
        lines.append(("suggested", ", ".join(f"{labels[label]} {label}" for label in LABELS)))
        lines += [("by", rows[0].annotations[0].annotator), ("margin", _margin(chosen))]
    print(*(f"{name:<12}{value}" for name, value in lines), sep="\n")
    print(f"\nfirst {min(SHOWN, len(rows))}, and why:")
    for row, reason in zip(rows[:SHOWN], chosen.reasons, strict=False):
        print(f"  {row.party}: {reason}\n    {_shortened(row.text)}")


def _margin(chosen: Suggestions) -> str:
    """The margin between the two likeliest labels: of the chosen, and of all that were looked at."""
    assert chosen.margins is not None
    said = f"{np.median(chosen.margins):.2f} between the two likeliest labels (median)"
    return (
        said if chosen.pool_margins is None else f"{said}, {np.median(chosen.pool_margins):.2f} in all pairs"
    )


def _number(rows: Iterable[Example], field: str) -> int:
    return len({getattr(row, field) for row in rows})


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN_CHARACTERS else f"{line[: SHOWN_CHARACTERS - 1]}…"


def _worth(rows: Sequence[Example], features: Callable[[], NDArray[Any]], seed: int) -> list[str]:
    """Say what the next labels are expected to bring, or why that cannot be said."""
    from partystance.learning_curve import measure_curve, too_few

    labels = [row.label for row in rows]
    groups = [row.group for row in assign_groups(rows)]
    if missing := too_few(labels, groups):
        return [f"what more labels are worth cannot be said yet: {missing}"]
    return worth_lines(measure_curve(features(), class_indices(labels), groups, seed, progress=True))


def worth_lines(curve: "LearningCurve") -> list[str]:
    """Put a learning curve into words: macro-F1 now, gains to come with 95 % intervals, and a verdict."""
    level, gains = curve.level(), {more: curve.gain(more) for more in NEXT}
    return [
        "what more labels are worth (macro-F1 of a quick classifier, by article, 95 % intervals):",
        f"  {curve.rows:>6} labels   {level.value:.3f} ({level.low:.3f} to {level.high:.3f})",
        *(
            f"  {f'+{more}':>6} labels  {gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})"
            for more, gain in gains.items()
        ),
        f"  {_verdict(gains)}",
    ]


def _verdict(gains: dict[int, Estimate]) -> str:
    bounds = {more: (gain.low or 0.0, gain.high or 0.0) for more, gain in gains.items()}
    sure = [more for more, (low, _) in bounds.items() if low >= WORTH]
    if sure:
        return f"{sure[0]} more labels should bring a point or more."
    last = max(bounds)
    if bounds[last][1] < WORTH:
        return f"Even {last} more labels like these should bring less than a point: look elsewhere."
    return f"Not sure: {last} more labels may bring a point, or less."
