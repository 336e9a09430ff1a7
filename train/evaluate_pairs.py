"""Ask a run both sentences of every minimal pair: is the label right, and does it change just when it must?

    python train/evaluate_pairs.py models/demo

`right`: both labels are. `effect`: the labels differ where they must, and are equal where they must be, right
or not. Prints a table by what differs in a pair. The pairs are for measuring only: never choose settings by
them. Some ten seconds.
"""

from pathlib import Path
from typing import Annotated

import typer

from partystance import StanceClassifier
from partystance.console import aligned, readable_errors
from partystance.minimal_pairs import CHANGES, pair_scores, read_minimal_pairs

PAIRS = Path(__file__).parents[1] / "data" / "minimal_pairs.jsonl"


def main(
    run: Annotated[Path, typer.Argument(help="a folder that train/finetune.py wrote")],
    pairs: Annotated[Path, typer.Option(help="minimal pairs, JSONL")] = PAIRS,
) -> None:
    """Score a run on minimal pairs.

    Example:

        python train/evaluate_pairs.py models/demo
    """
    with readable_errors():
        scores = ask_pairs(StanceClassifier(run), pairs)
        lines = [["change", "label must", "pairs", "right", "effect"]]
        for change, found in scores.items():
            must = "" if change not in CHANGES else "change" if CHANGES[change] else "stay"
            cells = [f"{found[key]:.1%}" for key in ("right", "effect")]
            lines.append([change, must, f"{found['n']:.0f}", *cells])
        print(aligned(lines))


def ask_pairs(classifier: StanceClassifier, pairs: Path = PAIRS) -> dict[str, dict[str, float]]:
    """Return the scores of a classifier on minimal pairs: see `pair_scores`."""
    read = list(read_minimal_pairs(pairs))
    said = [p.label for p in classifier.predict([row for pair in read for row in pair.rows])]
    return pair_scores(read, list(zip(said[::2], said[1::2], strict=True)))


if __name__ == "__main__":
    typer.run(main)
