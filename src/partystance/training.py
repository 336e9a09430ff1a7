"""The parts of a training run that outlive the recipe: config, batches, loss, learning rates, checkpoints.

The recipe that puts them together is `train/finetune.py`; the loop itself is the Hugging Face Trainer's.
"""

import json
import time
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.utils.data import Dataset
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from partystance.encoders import MINILM
from partystance.encoding import MAX_TOKENS, SpanEncoder, Window
from partystance.errors import PartystanceError
from partystance.files import sha256_file, write_json
from partystance.holders import holder_tokens
from partystance.model import SpanStanceModel
from partystance.schema import LABELS, P_FIELDS, POLAR, POLAR_INDICES, Example, Stance

IGNORED = -100
"""The label of a padded target, by the convention of PyTorch's cross-entropy."""

_KNOWN = -1e8
"""Log-probabilities above this are of tokens that there are."""

SEAL = "complete.json"
"""Written last into a checkpoint, with the hash of every file: a checkpoint without it is not whole."""


class TrainingBlock(BaseModel):
    """Keys of `transformers.TrainingArguments`, by their own names and with their own meaning."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    learning_rate: float = Field(default=1e-4, gt=0)
    num_train_epochs: float = Field(default=3, gt=0)
    per_device_train_batch_size: int = Field(default=32, ge=1)
    gradient_accumulation_steps: int = Field(default=1, ge=1)
    warmup_steps: float = Field(
        default=0.1, ge=0, description="a share of all steps when below 1, else steps"
    )
    lr_scheduler_type: Literal["linear", "cosine", "constant_with_warmup"] = "linear"
    weight_decay: float = Field(default=0.01, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    label_smoothing_factor: float = Field(default=0.05, ge=0, lt=1)
    gradient_checkpointing: bool = False
    dataloader_num_workers: int = Field(default=0, ge=0)
    report_to: list[str] = ["tensorboard"]


class RunConfig(BaseModel):
    """One training run, as written in `configs/train/*.yaml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: Path = Field(description="a folder with train.parquet and validation.parquet")
    output: Path = Field(description="where the run is written")
    encoder: str = Field(
        default=MINILM, description="minilm, a folder (an encoder, or a run to go on from), or a hub id"
    )
    seed: int = 13
    max_tokens: int = Field(
        default=MAX_TOKENS, ge=16, description="longer sentences are cut around the mention"
    )
    dropout: float = Field(default=0.1, ge=0, lt=1, description="in the head; the encoder keeps its own")
    target_blind: bool = Field(
        default=False, description="pool the sentence instead of the mention, as a comparison"
    )
    soft_labels: bool = Field(
        default=False, description="train on p_support, p_neutral, p_criticize where a row has them"
    )
    class_weights: bool = Field(default=True, description="weigh classes by the inverse of their frequency")
    holder_weight: float = Field(
        default=0.3, ge=0, description="how much naming the holder counts beside naming the stance"
    )
    consistency_weight: float = Field(
        default=0.0,
        ge=0,
        description="R-Drop: every sentence passes twice with its own dropout, and this weighs how far "
        "the two answers are apart; twice the time; 0: one pass",
    )
    layer_decay: float = Field(
        default=0.95, gt=0, le=1, description="factor on the learning rate, a layer downwards"
    )
    frozen_layers: int = Field(
        default=0, ge=0, description="lowest layers that keep their weights, embeddings included; 0: none"
    )
    keep: Literal["best", "last"] = Field(
        default="best",
        description="the epoch whose weights are kept: that of the best validation macro-F1, or the last, "
        "which is the safer choice where validation has few rows of a class",
    )
    early_stopping_patience: int = Field(
        default=3, ge=1, description="with `keep: best`, epochs without a better validation macro-F1"
    )
    training: TrainingBlock = TrainingBlock()


class TrainingWindows(Dataset[dict[str, Any]]):
    """Labelled examples, encoded, the targets of one sentence together.

    An item is one window: `input_ids` (for the length-grouped sampler), `window`, `labels`: of each target
    the class index or, with `soft`, the three probabilities (1 and 0 for a row that has none), and `holders`:
    of each target the tokens of whoever takes the stance, empty where nobody does or the sentence does not
    name them. `twice`: whether a batch is to hold it twice, as R-Drop needs it.

    Raises:
        PartystanceError: `soft`, and no row has probabilities.
    """

    def __init__(
        self, examples: Iterable[Example], encoder: SpanEncoder, soft: bool = False, twice: bool = False
    ) -> None:
        sentences: dict[str, list[Example]] = {}
        for example in examples:
            sentences.setdefault(example.text, []).append(example)
        if soft and not any(row.probabilities for rows in sentences.values() for row in rows):
            fix = "partystance aggregate makes them of annotations"
            raise PartystanceError(f"soft_labels is on, but no row has {', '.join(P_FIELDS)}: {fix}")
        self._items: list[dict[str, Any]] = []
        for text, rows in sentences.items():
            for window in encoder.encode(text, [row.mentions for row in rows]):
                item = {"input_ids": window.input_ids, "window": window, "twice": twice}
                own = [rows[target] for target in window.targets]
                item["holders"] = [holder_tokens(window, row, rows) for row in own]
                item["labels"] = [
                    _target(row, bool(tokens), soft) for row, tokens in zip(own, item["holders"], strict=True)
                ]
                self._items.append(item)

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self._items[index]

    @property
    def truncated(self) -> int:
        """How many windows are cut around their mention."""
        return sum(item["window"].truncated for item in self._items)


def _target(row: Example, holder_seen: bool, soft: bool) -> int | tuple[float, ...]:
    if row.of_one_holder and not holder_seen:
        return (float(IGNORED),) * len(LABELS) if soft else IGNORED  # what is left says nothing
    if not soft:
        return LABELS.index(row.label)
    return row.probabilities or tuple(float(name == row.label) for name in LABELS)


class Collator:
    """Pads items of `TrainingWindows` to a batch of tensors, labels padded with -100.

    Of items that are to be there `twice`, the second half of the batch repeats the first.
    """

    def __init__(self, encoder: SpanEncoder) -> None:
        self.encoder = encoder

    def __call__(self, features: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """Return `input_ids`, `attention_mask`, `target_mask`, `holder_mask` and `labels` for the model.

        Labels are class indices (B, K) or probabilities (B, K, 3); masks of holders are (B, K, L).
        """
        if features[0]["twice"]:
            features = [*features, *features]
        windows: list[Window] = [feature["window"] for feature in features]
        batch = {name: torch.from_numpy(array) for name, array in self.encoder.collate(windows).items()}
        targets = [torch.tensor(feature["labels"]) for feature in features]
        shape = batch["target_mask"].shape[:2] + targets[0].shape[1:]
        labels = torch.full(shape, IGNORED, dtype=targets[0].dtype)
        for row, target in enumerate(targets):
            labels[row, : len(target)] = target
        holder_mask = torch.zeros_like(batch["target_mask"])
        for row, feature in enumerate(features):
            for target, tokens in enumerate(feature["holders"]):
                holder_mask[row, target, list(tokens)] = 1
        return {**batch, "holder_mask": holder_mask, "labels": labels}


class StanceLoss:
    """Cross-entropy of stances, and of holders where known, averaged over the targets of a whole step.

    A neutral row with a holder says nothing of others, so it only counts what that holder is given of the
    polar stances: its loss is -log(1 - sum over them of P(stance) times the holder's share).

    Args:
        weights: one factor a class, mean 1 over the training rows, or None.
        smoothing: the share of probability spread over all classes (Szegedy et al., CVPR 2016).
        holder_weight: factor on the holders' part.
        consistency_weight: factor on how far apart the stances of the two passes are, where training batches
            hold every sentence twice (R-Drop, Liang et al., NeurIPS 2021); 0 where they hold it once.
    """

    def __init__(
        self,
        weights: Sequence[float] | None,
        smoothing: float,
        holder_weight: float,
        consistency_weight: float = 0.0,
    ) -> None:
        self.weights = None if weights is None else torch.tensor(weights, dtype=torch.float32)
        self.smoothing, self.holder_weight = smoothing, holder_weight
        self.consistency_weight = consistency_weight

    def __call__(
        self, outputs: Any, labels: Tensor, num_items_in_batch: Tensor | int | None = None
    ) -> Tensor:
        """Return the loss.

        Args:
            outputs: has `logits` (B, K, 3) and `holder_shares` (B, K, 2).
            labels: class indices (B, K) or probabilities (B, K, 3); a padded target is `IGNORED`.
            num_items_in_batch: how many numbers in the labels of all parts of an accumulated step are not
                `IGNORED`, as the Trainer counts them: one a target, or three.
        """
        kept = labels.ne(IGNORED)
        classes = labels if labels.ndim == 2 else labels.argmax(-1).where(kept.all(-1), IGNORED)
        silent = silent_targets(outputs.holder_shares, classes)
        count = kept.sum() if num_items_in_batch is None else num_items_in_batch
        if labels.ndim > 2:
            kept, count = kept.all(-1), count / labels.shape[-1]
        kept = kept & ~silent
        stances = nn.functional.cross_entropy(
            outputs.logits[kept],
            labels[kept],
            weight=None if self.weights is None else self.weights.to(labels.device),
            reduction="sum",
            label_smoothing=self.smoothing,
        )
        silence = silence_loss(outputs.logits[silent], outputs.holder_shares[silent])
        loss = stances + silence + self.holder_weight * holder_loss(outputs.holder_shares, classes)
        if self.consistency_weight and outputs.logits.requires_grad:  # validation passes once
            loss = loss + self.consistency_weight * disagreement(outputs.logits, kept)
        return loss / count


def silent_targets(shares: Tensor, classes: Tensor) -> Tensor:
    """Return which targets (B, K) are neutral of one holder alone: class and holder are known."""
    return classes.eq(LABELS.index(Stance.NEUTRAL)) & (shares.amax(-1) > _KNOWN)


def silence_loss(logits: Tensor, shares: Tensor) -> Tensor:
    """Return the summed -log P(the holder takes neither polar stance).

    Args:
        logits: (N, 3), of the stance that anybody takes.
        shares: (N, 2), log-probabilities of the holder for each of `POLAR`.
    """
    taken = (logits.log_softmax(-1)[:, list(POLAR_INDICES)] + shares).exp().sum(-1)
    return -torch.log1p(-taken.clamp(max=1 - 1e-6)).sum()


def disagreement(logits: Tensor, kept: Tensor) -> Tensor:
    """Return the summed Kullback-Leibler divergences, both ways, between two passes.

    Args:
        logits: (2 B, K, 3), the second half those of the same sentences again.
        kept: (2 B, K), which targets count.
    """
    once, again = (part.log_softmax(-1) for part in logits.chunk(2))
    first = kept.chunk(2)[0]
    return ((once.exp() - again.exp()) * (once - again))[first].sum()


def holder_loss(shares: Tensor, classes: Tensor) -> Tensor:
    """Return the summed cross-entropy of the holders of polar rows.

    Args:
        shares: (B, K, 2), log-probabilities of the gold holders for each of `POLAR`; the least a float can
            hold, or thereabouts, where none is known.
        classes: (B, K), indices into `LABELS`, or `IGNORED`.
    """
    known = shares.amax(-1) > _KNOWN
    loss = shares.new_zeros(())
    for side, label in enumerate(POLAR):
        loss = loss - shares[..., side][known & classes.eq(LABELS.index(label))].sum()
    return loss


def balanced_weights(labels: Sequence[str]) -> list[float]:
    """Return one weight a class, inverse to its frequency, so that the mean weight over `labels` is 1.

    Classes that never occur get weight 1 (scikit-learn's "balanced" rule, which is undefined there).
    """
    counts = np.array([sum(label == name for label in labels) for name in LABELS])
    present = (counts > 0).sum()
    return [float(len(labels) / (present * count)) if count else 1.0 for count in counts]


def layerwise_groups(
    model: SpanStanceModel, learning_rate: float, layer_decay: float, weight_decay: float
) -> list[dict[str, Any]]:
    """Return optimizer groups whose learning rate falls by `layer_decay` for each layer below the head.

    Biases and norms get no weight decay. The scheme is ULMFiT's discriminative fine-tuning (Howard & Ruder,
    ACL 2018).
    """
    layers = int(model.encoder.config.num_hidden_layers)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        below_head = 0 if name.startswith("head.") else layers + 1 - _depth(name, layers)
        decay = weight_decay if parameter.ndim > 1 else 0.0
        rate = learning_rate * layer_decay**below_head
        groups.setdefault((rate, decay), []).append(parameter)
    return [
        {"params": parameters, "lr": rate, "weight_decay": decay}
        for (rate, decay), parameters in groups.items()
    ]


def freeze_lowest_layers(model: SpanStanceModel, layers: int) -> None:
    """Let the embeddings and the lowest `layers` layers keep their weights; 0 freezes nothing.

    Saves the backward pass below, and keeps a small training set from bending what the encoder knows of words
    (Lee et al., "What Would Elsa Do?", 2019).

    Raises:
        PartystanceError: the encoder has no more layers than that.
    """
    depth = int(model.encoder.config.num_hidden_layers)
    if layers >= depth:
        raise PartystanceError(f"frozen_layers={layers}, but the encoder has {depth} layers: use fewer")
    for name, parameter in model.named_parameters():
        if layers and not name.startswith("head.") and _depth(name, depth) <= layers:
            parameter.requires_grad = False


def _depth(name: str, layers: int) -> int:
    """0 for embeddings, 1 to `layers` for the layers; what sits above them all counts with the last."""
    parts = name.split(".")
    for container, index in pairwise(parts):
        if container in ("layer", "layers", "h", "block") and index.isdigit():
            return int(index) + 1
    return 0 if "embeddings" in name else layers


class SealCheckpoints(TrainerCallback):
    """Marks each checkpoint as whole once all of it is on disk.

    The Trainer writes in place, so a run killed while saving leaves a broken checkpoint that it would later
    pick up; `newest_whole_checkpoint` passes over those.
    """

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Write the hash of every file, last."""
        if state.is_world_process_zero:
            folder = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
            write_json(folder / SEAL, {path.name: sha256_file(path) for path in sorted(folder.iterdir())})


def newest_whole_checkpoint(folder: Path) -> Path | None:
    """Return the latest checkpoint whose files are all there and unchanged, or None."""
    checkpoints = [path for path in folder.glob("checkpoint-*") if path.name.split("-")[-1].isdigit()]
    for checkpoint in sorted(checkpoints, key=lambda path: int(path.name.split("-")[-1]), reverse=True):
        if _is_whole(checkpoint):
            return checkpoint
    return None


def _is_whole(checkpoint: Path) -> bool:
    try:
        hashes = json.loads((checkpoint / SEAL).read_text(encoding="utf-8"))
        return all(sha256_file(checkpoint / name) == value for name, value in hashes.items())
    except (OSError, ValueError):
        return False


class EpochClock(TrainerCallback):
    """Adds up the time spent in training epochs alone, evaluation and saving left out."""

    def __init__(self) -> None:
        self.duration_s, self._started_s = 0.0, 0.0

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Start the clock."""
        self._started_s = time.perf_counter()

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Stop the clock."""
        self.duration_s += time.perf_counter() - self._started_s
