"""The parts of training against scikit-learn, PyTorch's own loss, and files broken on purpose."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from tokenizers import Tokenizer
from transformers import TrainerControl, TrainerState, TrainingArguments

from partystance.encoding import SpanEncoder
from partystance.errors import PartystanceError
from partystance.model import SpanStanceModel, SpanStanceOutput
from partystance.schema import LABELS, Example, Mention
from partystance.training import (
    Collator,
    SealCheckpoints,
    StanceLoss,
    TrainingWindows,
    balanced_weights,
    freeze_lowest_layers,
    layerwise_groups,
    newest_whole_checkpoint,
)


def test_balanced_weights_equal_scikit_learn() -> None:
    labels = ["neutral"] * 7 + ["support"] * 2 + ["criticize"] * 3
    expected = compute_class_weight("balanced", classes=np.array(LABELS), y=labels)
    assert balanced_weights(labels) == pytest.approx(expected)
    assert np.mean(
        [dict(zip(LABELS, balanced_weights(labels), strict=True))[x] for x in labels]
    ) == pytest.approx(1)


def test_a_class_without_rows_gets_weight_one() -> None:
    assert balanced_weights(["neutral", "neutral"]) == [1.0, 1.0, 1.0]


def test_loss_of_an_accumulated_step_equals_that_of_one_batch() -> None:
    torch.manual_seed(3)
    logits, labels = torch.randn(4, 2, 3), torch.tensor([[0, 1], [2, -100], [1, 1], [0, -100]])
    plain = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100)
    loss = StanceLoss(None, 0.0, 0.3)
    whole = loss(unheld(logits), labels)
    parts = [loss(unheld(logits[i : i + 2]), labels[i : i + 2], 6) for i in (0, 2)]
    assert whole == pytest.approx(float(plain), abs=1e-6)
    assert sum(map(float, parts)) == pytest.approx(float(plain), abs=1e-6)


def test_loss_weighs_classes() -> None:
    logits, labels = torch.zeros(1, 2, 3), torch.tensor([[0, 2]])
    loss = StanceLoss([3.0, 1.0, 1.0], 0.0, 0.3)(unheld(logits), labels)
    assert float(loss) == pytest.approx(np.log(3) * (3 + 1) / 2, abs=1e-6)


def test_loss_counts_holders_of_polar_rows_alone() -> None:
    logits, labels = torch.zeros(1, 4, 3), torch.tensor([[0, 2, 1, -100]])
    shares = torch.log(torch.tensor([[[0.5, 0.1], [0.1, 0.25], [0.0, 0.0], [0.1, 0.1]]])).clamp(min=-1e9)
    loss = StanceLoss(None, 0.0, 0.3)(SpanStanceOutput(logits=logits, holder_shares=shares), labels)
    assert float(loss) == pytest.approx(np.log(3) + 0.3 * (np.log(2) + np.log(4)) / 3, abs=1e-6)


def test_a_neutral_row_with_a_holder_counts_that_holder_alone() -> None:
    p, shares = torch.tensor([[[0.6, 0.1, 0.3]]]), torch.tensor([[[0.5, 0.2]]])
    output = SpanStanceOutput(logits=p.log(), holder_shares=shares.log())
    loss = StanceLoss(None, 0.1, 0.3)
    silence = -np.log(1 - 0.6 * 0.5 - 0.3 * 0.2)
    assert float(loss(output, torch.tensor([[1]]))) == pytest.approx(silence, abs=1e-6)
    assert float(loss(output, torch.tensor([[[0.0, 1.0, 0.0]]]))) == pytest.approx(silence, abs=1e-6)


def test_a_neutral_row_whose_holder_is_out_of_sight_is_not_counted(tiny_encoder: Path) -> None:
    text = "Norway " + "and so on " * 60 + "Iran"
    row = Example("1", text, "iran", (Mention(len(text) - 4, len(text), "Iran"),), "neutral", holder="Norway")
    encoder = SpanEncoder(Tokenizer.from_file(str(tiny_encoder / "tokenizer.json")), 32)
    assert TrainingWindows([row], encoder)[0]["labels"] == [-100]
    assert TrainingWindows([replace(row, holder="")], encoder)[0]["labels"] == [1]


def test_two_passes_count_how_far_they_are_apart() -> None:
    torch.manual_seed(5)
    logits = torch.randn(4, 2, 3, requires_grad=True)  # two sentences, and the same two again
    labels = torch.tensor([[0, 1], [2, -100]]).repeat(2, 1)
    kept = labels[:2].ne(-100)
    p, q = (part[kept].log_softmax(-1) for part in logits.chunk(2))
    kl = torch.nn.functional.kl_div
    apart = kl(p, q, reduction="sum", log_target=True) + kl(q, p, reduction="sum", log_target=True)
    once = StanceLoss(None, 0.0, 0.3)(unheld(logits), labels)
    loss = StanceLoss(None, 0.0, 0.3, consistency_weight=2.0)
    torch.testing.assert_close(loss(unheld(logits), labels), once + 2 * apart / 6)
    torch.testing.assert_close(loss(unheld(logits.detach()), labels), once.detach())


def unheld(logits: torch.Tensor) -> SpanStanceOutput:
    """What a model says where no holder is known."""
    return SpanStanceOutput(logits=logits, holder_shares=torch.full((*logits.shape[:2], 2), -1e9))


def test_layerwise_groups_hold_every_parameter_once_and_fall_downwards(tiny_encoder: Path) -> None:
    model = SpanStanceModel.from_encoder(str(tiny_encoder))
    groups = layerwise_groups(model, 1e-3, 0.5, 0.1)
    grouped = [id(p) for group in groups for p in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in model.parameters())
    rate = {id(p): group["lr"] for group in groups for p in group["params"]}
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    named = dict(model.named_parameters())
    rates = [rate[id(named[name])] for name in (
        "encoder.embeddings.word_embeddings.weight", "encoder.encoder.layer.0.output.dense.weight",
        "encoder.encoder.layer.1.output.dense.weight", "head.1.weight")]  # fmt: skip
    assert rates == pytest.approx([1e-3 / 8, 1e-3 / 4, 1e-3 / 2, 1e-3])
    assert decay[id(named["head.1.bias"])] == 0
    assert decay[id(named["head.1.weight"])] == 0.1


def test_frozen_layers_stay_out_of_the_optimizer(tiny_encoder: Path) -> None:
    model = SpanStanceModel.from_encoder(str(tiny_encoder))
    freeze_lowest_layers(model, 0)
    assert all(p.requires_grad for p in model.parameters())
    freeze_lowest_layers(model, 1)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert trained
    assert all(name.startswith(("head.", "pointer.", "encoder.encoder.layer.1.")) for name in trained)
    grouped = {id(p) for group in layerwise_groups(model, 1e-3, 0.5, 0.1) for p in group["params"]}
    assert grouped == {id(p) for name, p in model.named_parameters() if name in trained}
    with pytest.raises(PartystanceError, match="frozen_layers=2"):
        freeze_lowest_layers(model, 2)


def test_targets_of_one_sentence_train_together(tiny_encoder: Path) -> None:
    text = "Arvenia praised Norway and Iran."
    rows = [
        Example("1", text, "norway", (Mention(16, 22, "Norway"),), "support"),
        Example("2", "Iran left.", "iran", (Mention(0, 4, "Iran"),), "neutral"),
        Example("3", text, "iran", (Mention(27, 31, "Iran"),), "criticize"),
    ]
    encoder = SpanEncoder(Tokenizer.from_file(str(tiny_encoder / "tokenizer.json")), 64)
    features = TrainingWindows(rows, encoder)
    assert (len(features), features.truncated) == (2, 0)
    assert [feature["labels"] for feature in features] == [[0, 2], [1]]
    batch = Collator(encoder)(list(features))
    assert batch["labels"].tolist() == [[0, 2], [1, -100]]
    batch = Collator(encoder)(list(TrainingWindows(rows, encoder, twice=True)))
    assert batch["labels"].tolist() == [[0, 2], [1, -100]] * 2
    assert all(torch.equal(*tensor.chunk(2)) for tensor in batch.values())


def checkpoint(folder: Path, step: int) -> Path:
    path = folder / f"checkpoint-{step}"
    path.mkdir()
    (path / "model.safetensors").write_bytes(b"weights" * step)
    (path / "trainer_state.json").write_text("{}")
    state = TrainerState(global_step=step, is_world_process_zero=True)
    SealCheckpoints().on_save(TrainingArguments(output_dir=str(folder)), state, TrainerControl())
    return path


@pytest.mark.parametrize("damage", ["truncate", "remove", "unseal"])
def test_resume_passes_over_a_broken_checkpoint(tmp_path: Path, damage: str) -> None:
    checkpoint(tmp_path, 9)
    newest = checkpoint(tmp_path, 10)
    assert newest_whole_checkpoint(tmp_path) == newest
    match damage:
        case "truncate":
            (newest / "model.safetensors").write_bytes(b"wei")
        case "remove":
            (newest / "trainer_state.json").unlink()
        case "unseal":
            (newest / "complete.json").unlink()
    assert newest_whole_checkpoint(tmp_path) == tmp_path / "checkpoint-9"


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert newest_whole_checkpoint(tmp_path) is None
