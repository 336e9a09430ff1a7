"""How fast stances are predicted, beside what one would write without this library.

    python benchmarks/predict.py

Pairs of the shipped articles, on the CPU, in one process. Ours reads a sentence once for all its parties, and
sorts by length; the others read it once a party: the same model row by row, and a pair classifier of the same
encoder (its head untrained, which costs the same) in `transformers.pipeline`. About a minute.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline
from transformers.utils import logging

from partystance import StanceClassifier
from partystance.console import readable_errors
from partystance.encoders import encoder_path
from partystance.schema import Example
from partystance.tables import read_examples

ROWS = Path(__file__).parents[1] / "data" / "labels" / "invented.jsonl"


def main(
    model: Annotated[
        Path | None, typer.Argument(help="a run's folder [default: the model that ships]")
    ] = None,
    rows: Annotated[int, typer.Option(help="how many pairs, from the first on")] = 1000,
) -> None:
    """Print pairs a second and ratios."""
    logging.set_verbosity_error()
    with readable_errors():
        examples = list(read_examples(ROWS))[:rows]
        classifier = StanceClassifier(model, device="cpu")
        torch = StanceClassifier(model, device="cpu", engine="torch")
        classifier.predict(examples[:50])
        ours = pairs_per_s(lambda: classifier.predict(examples), rows)
        others: dict[str, Callable[[], Any]] = {
            "the same weights in PyTorch": lambda: torch.predict(examples),
            "the same, one row at a time": lambda: [classifier.predict([row]) for row in examples],
            "transformers pipeline, batch 1": lambda: run_pipeline(examples, 1),
            "transformers pipeline, batch 32": lambda: run_pipeline(examples, 32),
        }
        print(f"{'':32} {'pairs/s':>8} {'ours is':>8}")
        print(f"{'StanceClassifier.predict':32} {ours:>8.0f}")
        for name, predict in others.items():
            speed = pairs_per_s(predict, rows)
            print(f"{name:32} {speed:>8.0f} {ours / speed:>7.1f}x", flush=True)


def run_pipeline(examples: list[Example], batch_size: int) -> None:
    """Classify (sentence, party) pairs with a sequence classifier, as the library's guide shows."""
    path = encoder_path("minilm")
    head = AutoModelForSequenceClassification.from_pretrained(path, num_labels=3)
    classify = pipeline("text-classification", model=head, tokenizer=AutoTokenizer.from_pretrained(path))
    pairs: Any = [{"text": row.text, "text_pair": row.mentions[0].surface} for row in examples]
    classify(pairs, batch_size=batch_size)


def pairs_per_s(predict: Callable[[], Any], rows: int) -> float:
    """Speed of one pass."""
    started_s = time.perf_counter()
    predict()
    return rows / (time.perf_counter() - started_s)


if __name__ == "__main__":
    typer.run(main)
