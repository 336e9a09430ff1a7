"""What runs a trained span model: CTranslate2 on a CPU, without torch, or PyTorch on any device."""

import os
from pathlib import Path
from typing import Protocol

import ctranslate2
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from partystance.encoding import Arrays
from partystance.errors import PartystanceError, needs_extra
from partystance.schema import POLAR

INT8 = "int8"
"""The folder of a run with its weights for CTranslate2."""

HEAD = "head.safetensors"
"""The file in it with what CTranslate2 does not run: the stance head and the holder pointer, 16-bit."""

WEIGHTS = "model.safetensors"
"""The file of a run with its weights for PyTorch."""

Floats = NDArray[np.float32]
Answer = tuple[Floats, Floats, Floats]
"""Of B sentences of L tokens with up to K targets: logits (B, K, 3), probabilities of holders (B, K, 2, L),
and what the head was given (B, K, 2 H)."""


class Engine(Protocol):
    """Runs a model over collated batches.

    Attributes:
        width: 2 H, the length of what the head is given.
        batch_tokens: tokens of a batch, padding included, at which it is fast.
        workers: how many batches it takes at once.
    """

    width: int
    batch_tokens: int
    workers: int

    def __call__(self, arrays: Arrays) -> Answer:
        """Answer for the sentences of a batch."""
        ...


class Int8Engine:
    """CTranslate2 with 8-bit weights, and the heads in NumPy.

    A sentence's answer does not depend on what else is in the batch.

    Args:
        folder: a run with `int8/`, as `train/export.py` writes it.
    """

    batch_tokens = 512

    def __init__(self, folder: Path) -> None:
        self.workers = (
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        )
        try:
            self._encoder = ctranslate2.Encoder(
                str(folder / INT8), compute_type="int8", inter_threads=self.workers, intra_threads=1
            )
            heads = load_file(folder / INT8 / HEAD)
        except Exception as error:  # both libraries raise their own kinds for a broken file
            raise PartystanceError(f"{folder / INT8}: cannot be read ({error}); is the file whole?") from None
        self._weights = {name: weights.astype(np.float32) for name, weights in heads.items()}
        self.width = self._weights["head.1.weight"].shape[1]

    def __call__(self, arrays: Arrays) -> Answer:
        """Answer for the sentences of a batch."""
        attention, targets = arrays["attention_mask"], arrays["target_mask"].astype(np.float32)
        ids = ctranslate2.StorageView.from_array(arrays["input_ids"].astype(np.int32))
        lengths = ctranslate2.StorageView.from_array(attention.sum(1).astype(np.int32))
        hidden = np.array(self._encoder.forward_batch(ids, lengths).last_hidden_state)  # (B, L, H)
        spans = targets @ hidden / np.maximum(targets.sum(-1, keepdims=True), 1)
        first = np.broadcast_to(hidden[:, :1], spans.shape)
        represented = np.concatenate([spans, first], axis=-1)
        logits = self._linear("head.4", gelu(self._linear("head.1", represented)))
        return logits, self._holders(represented, hidden, attention), represented

    def _holders(self, represented: Floats, hidden: Floats, attention: NDArray[np.int64]) -> Floats:
        queries = self._linear("pointer", represented)
        queries = queries.reshape(*queries.shape[:2], len(POLAR), -1)
        scores = np.einsum("bkph,blh->bkpl", queries, hidden) / np.float32(hidden.shape[-1] ** 0.5)
        scores = np.where(attention[:, None, None] == 0, -np.inf, scores)
        return softmax(scores)

    def _linear(self, name: str, values: Floats) -> Floats:
        return values @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]


def softmax(scores: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the softmax over the last axis."""
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def gelu(values: Floats) -> Floats:
    """Return x Phi(x), the error function to 1.5e-7 (Abramowitz & Stegun 1964, 7.1.26): NumPy has none."""
    x = np.abs(values) / np.float32(2**0.5)
    t = 1 / (1 + 0.3275911 * x)
    series = 0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))
    erf = np.sign(values) * (1 - t * series * np.exp(-x * x))
    return (0.5 * values * (1 + erf)).astype(np.float32)


def load_engine(folder: Path, device: str | None = None, engine: str | None = None) -> Engine:
    """Load what can run a model: 8-bit where the run has it and no other device is asked for, else PyTorch.

    Args:
        folder: a run.
        device: where PyTorch is to run it.
        engine: `int8` or `torch`, to choose.

    Raises:
        PartystanceError: torch is needed and not installed, or the folder does not hold what is asked for.
    """
    if engine == INT8 or (engine is None and device in (None, "cpu") and (folder / INT8).is_dir()):
        return Int8Engine(folder)
    with needs_extra("train", f"{folder} without {INT8} weights"):
        from partystance.torch_engine import TorchEngine
    return TorchEngine(folder, device)
