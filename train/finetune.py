"""Fine-tune a small transformer to answer: what stance does somebody take toward this party in this sentence?

    python train/finetune.py configs/train/demo.yaml [key=value ...] [--resume]
    torchrun --nproc_per_node=2 train/finetune.py configs/train/demo.yaml

Reads `train.parquet` and `validation.parquet` of a built dataset; writes a folder that
`StanceClassifier.from_pretrained` loads: weights (safetensors), tokenizer, resolved config, manifest,
training curve, model card. MiniLM trains on some 40 sentences a second on 2 CPU cores.
"""

import os
import shutil
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
import yaml
from templates import render
from transformers import AutoTokenizer, EarlyStoppingCallback, EvalPrediction, Trainer, TrainingArguments
from transformers.utils import logging as transformers_logging

from partystance.configs import load_config
from partystance.console import readable_errors
from partystance.encoders import encoder_path
from partystance.encoding import SpanEncoder
from partystance.errors import PartystanceError
from partystance.files import (
    git_commit,
    package_versions,
    sha256_file,
    write_json,
    write_manifest,
    write_text,
)
from partystance.metrics import scores
from partystance.model import SpanStanceModel, is_run
from partystance.schema import LABELS, Example
from partystance.tables import read_examples
from partystance.training import (
    IGNORED,
    Collator,
    EpochClock,
    RunConfig,
    SealCheckpoints,
    StanceLoss,
    TrainingWindows,
    balanced_weights,
    freeze_lowest_layers,
    layerwise_groups,
    newest_whole_checkpoint,
)


def main(
    config: Annotated[Path, typer.Argument(help="a file of configs/train")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="key=value, e.g. training.learning_rate=5e-5")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on from the newest whole checkpoint")] = False,
) -> None:
    """Fine-tune the span stance model.

    Examples:

        python train/finetune.py configs/train/demo.yaml

        python train/finetune.py configs/train/demo.yaml encoder=roberta-base output=models/roberta --resume
    """
    with readable_errors("run the same command with --resume to go on from the last finished epoch"):
        finetune(load_config(RunConfig, config, overrides or []), resume)


def finetune(run: RunConfig, resume: bool) -> None:
    """Train, keep the weights of the best epoch or the last, and write the run's folder."""
    splits = {name: run.data / f"{name}.parquet" for name in ("train", "validation")}
    train, validation = (labelled(path) for path in splits.values())
    encoder_source = encoder_path(run.encoder)
    tokenizer = AutoTokenizer.from_pretrained(encoder_source)
    encoder = SpanEncoder(tokenizer.backend_tokenizer, run.max_tokens)
    windows = TrainingWindows(train, encoder, run.soft_labels, twice=run.consistency_weight > 0)

    arguments = training_arguments(run)
    torch.manual_seed(run.seed)  # the head's first weights; the Trainer seeds the rest
    start_from = SpanStanceModel.from_pretrained if is_run(encoder_source) else SpanStanceModel.from_encoder
    model = start_from(
        encoder_source, max_tokens=run.max_tokens, dropout=run.dropout, target_blind=run.target_blind
    )
    if run.training.gradient_checkpointing:
        model.encoder.gradient_checkpointing_enable()
    freeze_lowest_layers(model, run.frozen_layers)
    weights = balanced_weights([row.label for row in train]) if run.class_weights else None
    rate, decay = run.training.learning_rate, run.training.weight_decay
    groups = layerwise_groups(model, rate, run.layer_decay, decay)
    clock = EpochClock()
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=windows,
        eval_dataset=TrainingWindows(validation, encoder),
        data_collator=Collator(encoder),
        compute_loss_func=StanceLoss(
            weights, run.training.label_smoothing_factor, run.holder_weight, run.consistency_weight
        ),
        compute_metrics=validation_scores,
        optimizers=(torch.optim.AdamW(groups, lr=rate, fused=True), None),
        callbacks=[SealCheckpoints(), clock],
    )
    if run.keep == "best":
        trainer.add_callback(EarlyStoppingCallback(run.early_stopping_patience))

    checkpoints = Path(str(arguments.output_dir))
    start = newest_whole_checkpoint(checkpoints) if resume else None
    if resume:
        print(f"resuming from {start}" if start else "no whole checkpoint yet: starting from the beginning")
    elif trainer.is_world_process_zero():
        shutil.rmtree(checkpoints, ignore_errors=True)
    started_s = time.perf_counter()
    trainer.train(resume_from_checkpoint=str(start) if start else None)
    duration_s = time.perf_counter() - started_s
    measured = trainer.evaluate()
    if not trainer.is_world_process_zero():
        return

    kept_step = trainer.state.best_global_step if run.keep == "best" else trainer.state.global_step
    sentences = len(windows) * (trainer.state.epoch or 0) * (0 if start else 1)
    facts = {
        "rows": {"train": len(train), "validation": len(validation)},
        "truncated": windows.truncated,
        "validation": {key.removeprefix("eval_"): value for key, value in measured.items()},
        "kept_checkpoint": f"checkpoint-{kept_step}",
        "epochs": trainer.state.epoch,
        "processes": arguments.world_size,
        "device": str(arguments.device),
        "duration_s": round(duration_s, 1),
        "sentences_per_s": round(sentences / clock.duration_s, 1) if sentences else None,
    }
    save_run(run, model, tokenizer, trainer.state.log_history, splits, facts)
    shutil.rmtree(checkpoints)
    print(
        f"{run.output}: validation macro-F1 {measured['eval_macro_f1']:.3f} "
        f"({facts['sentences_per_s']} sentences/s in training)"
    )


def labelled(path: Path) -> list[Example]:
    """Read a split and insist that every row has a label."""
    if not path.exists():
        raise PartystanceError(
            f"{path}: no such file; build it: python data/build_dataset.py configs/data/<name>.yaml"
        )
    rows = list(read_examples(path))
    without = [row.id for row in rows if not row.label]
    if without or not rows:
        raise PartystanceError(f"{path}: {f'row {without[0]!r} has no label' if without else 'no rows'}")
    return rows


def training_arguments(run: RunConfig) -> TrainingArguments:
    """The Trainer's settings: the config's, and those that a stance run always has."""
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(run.output / "tensorboard")
    cuda = torch.cuda.is_available()
    bf16 = cuda and torch.cuda.is_bf16_supported()
    settings = run.training.model_dump(exclude={"label_smoothing_factor", "gradient_checkpointing"})
    return TrainingArguments(
        output_dir=str(run.output / "checkpoints"),
        seed=run.seed,
        per_device_eval_batch_size=64,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=2,
        logging_strategy="epoch",
        load_best_model_at_end=run.keep == "best",
        metric_for_best_model="macro_f1",
        train_sampling_strategy="group_by_length",
        remove_unused_columns=False,
        ddp_find_unused_parameters=False,
        label_names=["labels"],
        use_cpu=not torch.accelerator.is_available(),  # else torchrun's processes never meet
        disable_tqdm=False,  # else it follows the log level
        dataloader_pin_memory=cuda,
        bf16=bf16,
        fp16=cuda and not bf16,
        **settings,
    )


def validation_scores(prediction: EvalPrediction) -> dict[str, float]:
    """Macro-F1 and accuracy over the targets of the validation split."""
    labels = np.asarray(prediction.label_ids)
    logits = np.asarray(prediction.predictions[0])  # beside what else the model returns
    kept = labels != IGNORED
    measured = scores(labels[kept], logits[kept].argmax(-1))
    return {"macro_f1": measured["macro_f1"], "accuracy": measured["accuracy"]}


def save_run(
    run: RunConfig,
    model: SpanStanceModel,
    tokenizer: Any,
    history: list[dict[str, float]],
    splits: dict[str, Path],
    facts: dict[str, Any],
) -> None:
    """Write everything a user of the model or a reader of the run needs; the manifest comes last."""
    config = run.model_dump(mode="json")
    model.save_pretrained(run.output)
    tokenizer.save_pretrained(run.output)
    write_text(run.output / "config.yaml", yaml.safe_dump(config, sort_keys=False))
    write_json(run.output / "history.json", history)
    draw_curve(history, run.output / "training_curve.svg")
    provenance = {
        "commit": git_commit(),
        "versions": package_versions(
            "partystance", "torch", "transformers", "tokenizers", "accelerate", "numpy"
        ),
        "weights_sha256": sha256_file(run.output / "model.safetensors"),
    }
    card = render("model_card.md.j2", run=config, labels=LABELS, **facts, **provenance)
    write_text(run.output / "README.md", card)
    write_manifest(run.output, splits, config, **facts, **provenance)


def draw_curve(history: list[dict[str, float]], path: Path) -> None:
    """Training loss and validation macro-F1 by epoch."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, left = pyplot.subplots(figsize=(6, 3.2), layout="constrained")
    right = left.twinx()
    for axis, key, colour, style in (
        (left, "loss", "#555555", "--"),
        (right, "eval_macro_f1", "#1f5fa8", "-"),
    ):
        points = [(entry["epoch"], entry[key]) for entry in history if key in entry]
        axis.plot([x for x, _ in points], [y for _, y in points], style, color=colour, marker="o", label=key)
    left.set(xlabel="epoch", ylabel="training loss (dashed)")
    right.set(ylabel="validation macro-F1", ylim=(0, 1))
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


if __name__ == "__main__":
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()  # of loading and saving; training keeps its own
    typer.run(main)
