"""What engines without PyTorch make of the same weights: scores, speed, size, whether batches matter.

    python benchmarks/engines.py

The model that ships, on the sentences of the minimal pairs (never trained on), in one process on the CPU:
CTranslate2 with 8 bits, ONNX Runtime with 32 and with 8 bits quantised as it runs, beside PyTorch with 32.
A minute.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from onnxruntime.quantization import quantize_dynamic
from transformers.utils import logging

from partystance import StanceClassifier, metrics
from partystance.console import readable_errors
from partystance.engines import ENCODER, INT8, ONNX, WEIGHTS
from partystance.minimal_pairs import read_minimal_pairs
from partystance.model import SpanStanceModel
from partystance.predictor import released
from partystance.schema import Example

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "train"))  # the recipes are scripts, not a package

from evaluate_pairs import PAIRS  # noqa: E402
from export import write_heads, write_onnx  # noqa: E402


def main(
    model: Annotated[
        Path | None,
        typer.Argument(help="a folder that train/export.py wrote [default: the model that ships]"),
    ] = None,
) -> None:
    """Print a line an engine."""
    logging.set_verbosity_error()
    folder = model or released()
    with readable_errors(), tempfile.TemporaryDirectory() as temporary:
        full, quantised = (Path(temporary) / name for name in ("onnx-32", "onnx-8"))
        as_onnx(folder, full)
        shutil.copytree(full, quantised)
        quantize_dynamic(full / ONNX / ENCODER[ONNX], quantised / ONNX / ENCODER[ONNX])
        rows = [row for pair in read_minimal_pairs(PAIRS) for row in pair.rows]
        exact = StanceClassifier(folder, device="cpu", engine="torch")
        reference = probabilities(exact, rows)
        engines = {
            "CTranslate2, 8 bits": (StanceClassifier(folder, engine=INT8), folder / INT8),
            "ONNX Runtime, 32 bits": (StanceClassifier(full), full / ONNX),
            "ONNX Runtime, 8 bits, dynamic": (StanceClassifier(quantised), quantised / ONNX),
            "PyTorch, 32 bits (16 on disk)": (exact, folder / WEIGHTS),
        }
        heads = f"{'macro-F1':>8} {'same label':>10} {'p moves (mean, most)':>21} {'by batch':>9}"
        print(f"{'':30} {heads} {'pairs/s':>8} {'MB':>6}")
        for name, (classifier, weights) in engines.items():
            numbers = line(classifier, rows, reference)
            print(f"{name:30} {numbers} {size_mb(weights):>6.1f}", flush=True)


def as_onnx(folder: Path, out: Path) -> None:
    """Write a run with its encoder for ONNX Runtime."""
    out.mkdir()
    for name in ("config.json", "tokenizer.json"):
        shutil.copyfile(folder / name, out / name)
    model = SpanStanceModel.from_pretrained(folder, dtype=torch.float32)
    write_onnx(model, out / ONNX)
    write_heads(model, out / ONNX)


def line(classifier: StanceClassifier, rows: Sequence[Example], reference: np.ndarray) -> str:
    """Return the numbers of one engine, `reference` (N, 3) being what PyTorch says with 32 bits."""
    p = probabilities(classifier, rows)
    started_s = time.perf_counter()
    classifier.predict(rows)
    speed = len(rows) / (time.perf_counter() - started_s)
    truth = metrics.class_indices(row.label for row in rows)
    moved, by_batch = np.abs(p - reference), np.abs(p - probabilities(classifier, rows, 64)).max()
    f1 = metrics.scores(truth, p.argmax(1))["macro_f1"]
    same = (p.argmax(1) == reference.argmax(1)).mean()
    return f"{f1:>8.3f} {same:>10.1%} {moved.mean():>13.4f}, {moved.max():.3f} {by_batch:>9.1e} {speed:>8.0f}"


def probabilities(
    classifier: StanceClassifier, rows: Sequence[Example], batch_tokens: int | None = None
) -> np.ndarray:
    """Return what is predicted as an array (N, 3)."""
    return np.array([p.probabilities for p in classifier.predict(rows, batch_tokens=batch_tokens)])


def size_mb(weights: Path) -> float:
    """Return the size of a file, or of all in a folder."""
    files = weights.iterdir() if weights.is_dir() else [weights]
    return sum(file.stat().st_size for file in files) / 1e6


if __name__ == "__main__":
    typer.run(main)
