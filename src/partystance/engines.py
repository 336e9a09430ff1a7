"""What runs a trained span model: CTranslate2 or ONNX Runtime on a CPU without torch, or PyTorch."""

import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Protocol

import ctranslate2
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from partystance.encoding import Arrays
from partystance.errors import PartystanceError, did_you_mean, needs_extra
from partystance.schema import POLAR

INT8 = "int8"
"""The folder of a run with its weights for CTranslate2."""

ONNX = "onnx"
"""The folder of a run with its weights for ONNX Runtime, where CTranslate2 does not know the encoder."""

ENCODER = {INT8: "model.bin", ONNX: "encoder.onnx"}
"""The file in each with the encoder."""

HEAD = "head.safetensors"
"""The file in each with what comes after the encoder: the stance head and the holder pointer, 16-bit."""

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


class Heads:
    """What comes after the encoder, in NumPy: span pooling, the stance head and the holder pointer.

    Args:
        path: their weights, as `train/export.py` writes them.
    """

    def __init__(self, path: Path) -> None:
        self._weights = {name: weights.astype(np.float32) for name, weights in load_file(path).items()}
        self.width = self._weights["head.1.weight"].shape[1]

    def __call__(self, hidden: Floats, arrays: Arrays) -> Answer:
        """Return the `Answer` for the sentences whose tokens have the states `hidden` (B, L, H)."""
        attention, targets = arrays["attention_mask"], arrays["target_mask"].astype(np.float32)
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


class LightEngine(ABC):
    """An engine without torch: whatever runs the encoder, then the heads in NumPy.

    A sentence's answer does not depend on what else is in the batch; with 8 bits on a CPU without VNNI, by no
    more than rounding (0.002 at most, measured on one of AMD's).

    Args:
        folder: a run that `train/export.py` wrote.

    Raises:
        PartystanceError: the run has no weights for it, or they cannot be read.
    """

    kind: str
    batch_tokens = 512

    def __init__(self, folder: Path) -> None:
        self.workers = (
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        )
        own = folder / self.kind
        try:
            self._heads = Heads(own / HEAD)
            self._encoder = self._load(own)
        except (PartystanceError, ImportError):  # what is missing, or Ctrl-C while a library loads
            raise
        except Exception as error:  # each library raises its own kinds for a broken file
            raise PartystanceError(f"{own}: cannot be read ({error}); is the file whole?") from None
        self.width = self._heads.width

    def __call__(self, arrays: Arrays) -> Answer:
        """Answer for the sentences of a batch."""
        return self._heads(self._states(arrays), arrays)

    @abstractmethod
    def _load(self, own: Path) -> Any:
        """Read the encoder in the folder `own`."""

    @abstractmethod
    def _states(self, arrays: Arrays) -> Floats:
        """Return the states (B, L, H) of the tokens of a batch."""


class Int8Engine(LightEngine):
    """CTranslate2 with 8-bit weights."""

    kind = INT8

    def _load(self, own: Path) -> Any:
        return ctranslate2.Encoder(str(own), compute_type="int8", inter_threads=self.workers, intra_threads=1)

    def _states(self, arrays: Arrays) -> Floats:
        ids = ctranslate2.StorageView.from_array(arrays["input_ids"].astype(np.int32))
        lengths = ctranslate2.StorageView.from_array(arrays["attention_mask"].sum(1).astype(np.int32))
        return np.array(self._encoder.forward_batch(ids, lengths).last_hidden_state)


class OnnxEngine(LightEngine):
    """ONNX Runtime with 32-bit weights: for encoders that CTranslate2 does not know, as DeBERTa's.

    Not with 8: quantised as it runs, a sentence's answer would depend on the rest of its batch.
    """

    kind = ONNX

    def _load(self, own: Path) -> Any:
        with needs_extra("onnx", str(own)):
            import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # whole batches run side by side
        return onnxruntime.InferenceSession(str(own / ENCODER[ONNX]), options, ["CPUExecutionProvider"])

    def _states(self, arrays: Arrays) -> Floats:
        given = {name: arrays[name] for name in ("input_ids", "attention_mask")}
        return self._encoder.run(None, given)[0]


TORCH = "torch"
"""The engine that is PyTorch."""

LIGHT: dict[str, type[LightEngine]] = {INT8: Int8Engine, ONNX: OnnxEngine}
"""The engines without torch, faster ones first."""


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


def light_kind(folder: Path) -> str | None:
    """Return which engine without torch a run has weights for, or None."""
    return next((kind for kind in LIGHT if (folder / kind).is_dir()), None)


def load_engine(folder: Path, device: str | None = None, engine: str | None = None) -> Engine:
    """Load what can run a model: without torch where the run allows and no other device is asked for.

    Args:
        folder: a run.
        device: where PyTorch is to run it.
        engine: `int8`, `onnx` or `torch`, to choose.

    Raises:
        PartystanceError: no such engine, it cannot use that device, what it needs is not installed, or the
            folder does not hold what is asked for.
    """
    on_cpu = device in (None, "cpu")
    kind = engine or (light_kind(folder) if on_cpu else None) or TORCH
    if kind in LIGHT and on_cpu:
        return LIGHT[kind](folder)
    if kind in LIGHT:
        raise PartystanceError(f"engine {kind!r} runs on the CPU alone, not on {device!r}")
    if kind != TORCH:
        raise PartystanceError(f"no engine {kind!r}{did_you_mean(kind, (*LIGHT, TORCH))}")
    if not (folder / WEIGHTS).is_file():
        raise PartystanceError(f"{folder}: no {WEIGHTS}, which PyTorch needs")
    with needs_extra("train", f"running {folder} with PyTorch"):
        from partystance.torch_engine import TorchEngine
    return TorchEngine(folder, device)
