"""Turn a trained run into one to give away: weights that need no PyTorch, calibrated, checked, described.

    python train/export.py models/news models/partystance-minilm --made-by "python train/finetune.py ..."

Writes to the second folder: `model.safetensors` (16-bit), `int8/` (8-bit weights for CTranslate2, and the
heads) or, for encoders that CTranslate2 does not know (DeBERTa's, ModernBERT's), `onnx/` (32-bit, for ONNX
Runtime), `tokenizer.json`, `config.json` with the temperature fitted on the validation split,
`manifest.json`, and a card that scores every held-out split of the run's dataset. Refuses a run that loses
more than half a point of macro-F1 on any of them by rounding, or whose answers depend on the batch. A minute.
"""

import json
import logging
import shutil
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import ctranslate2
import numpy as np
import torch
import typer
from baselines import gold, groups, read_split
from evaluate_model import BOOTSTRAP, Run, by_phenomenon, plain, read_run
from evaluate_pairs import ask_pairs
from safetensors.torch import load_file, save_file
from scipy.optimize import minimize_scalar
from templates import render
from transformers import AutoTokenizer, BertConfig, CamembertConfig, RobertaConfig, XLMRobertaConfig
from transformers.utils import logging as transformers_logging

from partystance import StanceClassifier, metrics
from partystance.console import readable_errors
from partystance.encoders import MINILM
from partystance.engines import ENCODER, HEAD, INT8, ONNX, WEIGHTS, light_kind
from partystance.errors import PartystanceError
from partystance.files import git_commit, package_versions, sha256_file, write_json, write_text
from partystance.holders import same_holder
from partystance.model import SpanStanceModel, is_run
from partystance.parties import Registry
from partystance.schema import LABELS, POLAR, Example, Prediction

OFFICIAL = "sentence-transformers/all-MiniLM-L6-v2"
"""The hub's name for the encoder that needs no hub."""

MOST_LOST = 0.005
"""Macro-F1 that the weights for the engine without PyTorch may cost."""

MOST_BY_BATCH = 0.005
"""How far the rest of a batch may move a probability: 0 on CPUs with VNNI, 0.002 seen on one without."""

ONE_IN = 20
"""Every which training row corrects the bias of rounding."""

LEAST_JUDGED = 300
"""Rows of a split on which a loss of half a point can be told from one row more or less."""

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)
LEAST_ROWS = 10
"""Parties and phenomena with fewer rows than this are not listed: their scores would mean nothing."""


def main(
    run: Annotated[Path, typer.Argument(help="a folder that train/finetune.py wrote")],
    out: Annotated[Path, typer.Argument(help="where to write; what is there is replaced")],
    made_by: Annotated[str, typer.Option(help="the command that trained the run, for the card")],
    data: Annotated[
        Path | None, typer.Option(help="a built dataset to calibrate and score on [default: the run's]")
    ] = None,
) -> None:
    """Export a run.

    Example:

        python train/export.py models/news models/partystance-minilm \\
            --made-by 'python train/finetune.py configs/train/news.yaml'
    """
    transformers_logging.set_verbosity_error()
    with readable_errors(f"{out} is as it was"):
        trained = read_run(run)
        dataset = data or Path(trained.config["data"])
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent) as temporary:
            folder = Path(temporary) / out.name
            write_weights(run, folder)
            if light_kind(folder) == INT8:
                correct_bias(run, folder, read_split(dataset, "train")[::ONE_IN])
            calibrate(folder, read_split(dataset, "validation"))
            tools = ("ctranslate2",) if light_kind(folder) == INT8 else ("onnxruntime", "onnxscript")
            splits = {path.stem: read_split(dataset, path.stem) for path in sorted(dataset.glob("*.parquet"))}
            del splits["train"]
            facts = {
                "splits": {name: measure(run, folder, name, rows) for name, rows in splits.items()},
                **parts(folder, splits["test"]),
                "thresholds": thresholds(folder, splits["test"]),
                "pairs": ask_pairs(StanceClassifier(folder)),
                "made_by": made_by,
                "base_model": base_model(trained),
                "parameters": SpanStanceModel.from_pretrained(folder).num_parameters(),
                "run": str(run),
                "dataset": str(dataset),
                "data": json.loads((dataset / "manifest.json").read_text(encoding="utf-8")),
                "commit": git_commit(),
                "versions": package_versions("partystance", *tools, "torch", "transformers", "numpy"),
                "bytes": {
                    path.relative_to(folder).as_posix(): path.stat().st_size
                    for path in sorted(folder.rglob("*"))
                    if path.is_file()
                },
            }
            refuse(facts["splits"])
            describe(folder, out, facts)
            shutil.rmtree(out, ignore_errors=True)
            shutil.move(folder, out)
    print(f"written: {out}")


def write_weights(run: Path, folder: Path) -> None:
    """Write the 16-bit weights, those for an engine without PyTorch, tokenizer and config.

    Raises:
        PartystanceError: the run does not look at its target, which only serves to compare.
    """
    model = SpanStanceModel.from_pretrained(run, use_safetensors=True, dtype=torch.float32).eval()
    if model.config.target_blind:
        raise PartystanceError(f"{run}: a target-blind run is a comparison, not a model to give away")
    drop_positions(model)
    if not write_int8(run, model, folder / INT8):
        write_onnx(model, folder / ONNX)
    model.half().save_pretrained(folder)
    write_heads(model, folder / f"{light_kind(folder)}")
    shutil.copyfile(run / "tokenizer.json", folder / "tokenizer.json")


def write_int8(run: Path, model: SpanStanceModel, folder: Path) -> bool:
    """Write the encoder for CTranslate2; False where it does not know the architecture.

    Raises:
        PartystanceError: it knows the architecture, but not a detail of this encoder.
    """
    # CTranslate2 4.8 asks for what transformers 5 no longer says, having no other kind.
    for described in (BertConfig, RobertaConfig, XLMRobertaConfig, CamembertConfig):
        setattr(described, "position_embedding_type", "absolute")  # noqa: B010
    with tempfile.TemporaryDirectory() as bare:
        model.encoder.save_pretrained(bare)
        AutoTokenizer.from_pretrained(run).save_pretrained(bare)
        try:
            converter = ctranslate2.converters.TransformersConverter(bare)
            converter.convert(str(folder), quantization="int8", force=True)
        except (ValueError, AttributeError, KeyError) as error:
            if "No conversion is registered" in str(error):
                return False
            raise PartystanceError(f"{run}: CTranslate2 cannot read its encoder ({error!r})") from error
    # Texts go in as numbers, so the names of special tokens do not matter; but CTranslate2 reads no nulls.
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    write_json(folder / "config.json", {key: "" if value is None else value for key, value in config.items()})
    return True


class BareEncoder(torch.nn.Module):
    """The states of the tokens, and nothing else that an encoder returns."""

    def __init__(self, encoder: torch.nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return (B, L, H)."""
        return self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state


def write_onnx(model: SpanStanceModel, folder: Path) -> None:
    """Write the encoder for ONNX Runtime, for any number of sentences of any length."""
    folder.mkdir(parents=True)
    ids = torch.ones(2, 16, dtype=torch.long)  # any will do: both dimensions are left open
    either = {0: "sentences", 1: "tokens"}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it misses torchvision, which has no part here
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter talks of its own insides
        program = torch.onnx.export(
            BareEncoder(model.encoder).eval(),
            (ids, torch.ones_like(ids)),
            input_names=["input_ids", "attention_mask"],
            output_names=["states"],
            dynamic_shapes={"input_ids": either, "attention_mask": either},
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # only with dynamo=False
    program.save(folder / ENCODER[ONNX], external_data=False)


def write_heads(model: SpanStanceModel, folder: Path) -> None:
    """Write what comes after the encoder."""
    heads = {name: tensor for name, tensor in model.state_dict().items() if not name.startswith("encoder.")}
    save_file(heads, folder / HEAD)


def drop_positions(model: SpanStanceModel) -> None:
    """Leave out the positions of BERT that no sentence reaches: half a megabyte."""
    if model.encoder.config.model_type != "bert":  # others count positions from elsewhere than 0
        return
    embeddings, kept = model.encoder.embeddings, model.config.max_tokens
    weights = embeddings.position_embeddings.weight[:kept].detach()
    embeddings.position_embeddings = torch.nn.Embedding.from_pretrained(weights, freeze=False)
    embeddings.position_ids = embeddings.position_ids[:, :kept]
    model.encoder.config.max_position_embeddings = kept
    model.config.encoder["max_position_embeddings"] = kept


def correct_bias(run: Path, folder: Path, rows: Sequence[Example]) -> None:
    """Shift the 8-bit heads so that on training rows they see and say on average what 32 bits do.

    Rounded weights move the encoder's states one way more than the other (Nagel et al., "Data-Free
    Quantization through Weight Equalization and Bias Correction", ICCV 2019).
    """
    path = folder / INT8 / HEAD
    exact = StanceClassifier(run, engine="torch", device="cpu")
    seen, said = exact.represent(rows)[1], logs(exact.predict(rows))
    heads = {name: tensor.float() for name, tensor in load_file(path).items()}
    shift = torch.from_numpy((seen - StanceClassifier(folder).represent(rows)[1]).mean(0))
    for inner in ("head.1", "pointer"):
        heads[f"{inner}.bias"] += heads[f"{inner}.weight"] @ shift
    save_file({name: tensor.half() for name, tensor in heads.items()}, path)
    left = (said - logs(StanceClassifier(folder).predict(rows))).mean(0)
    heads["head.4.bias"] += torch.from_numpy(left).float()
    save_file({name: tensor.half() for name, tensor in heads.items()}, path)


def calibrate(folder: Path, rows: Sequence[Example]) -> None:
    """Fit the temperature on validation rows (Guo et al., ICML 2017) and write it into the config."""
    said, truth = logs(StanceClassifier(folder).predict(rows)), gold(rows)

    def loss(log_temperature: float) -> float:
        scaled = said / np.exp(log_temperature)
        scaled -= np.log(np.exp(scaled).sum(1, keepdims=True))
        return float(-scaled[np.arange(len(rows)), truth].mean())

    found: Any = minimize_scalar(loss, bounds=(-2, 2), method="bounded")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    write_json(folder / "config.json", config | {"temperature": round(float(np.exp(found.x)), 4)})


def measure(run: Path, folder: Path, name: str, rows: Sequence[Example]) -> dict[str, Any]:
    """Score a split with the run's own weights and those written, and say how far apart they are."""
    classifier = StanceClassifier(folder)
    full = StanceClassifier(run, engine="torch", device="cpu")
    full.temperature = classifier.temperature
    said, exact = classifier.predict(rows), full.predict(rows)
    small = probabilities(classifier.predict(rows, batch_tokens=64))
    truth, articles, p = gold(rows), groups(rows), probabilities(said)
    labels = metrics.class_indices(prediction.label for prediction in said)
    summary = metrics.summary(truth, labels, p, articles, **BOOTSTRAP)
    reference = metrics.class_indices(prediction.label for prediction in exact)
    moved = np.abs(p - probabilities(exact))
    return plain(
        {
            "name": name,
            "rows": len(rows),
            "scores": {key: summary[key] for key in ("macro_f1", "accuracy", "calibration_error")},
            "classes": metrics.per_class(truth, labels, articles, **BOOTSTRAP),
            "macro_f1_32_bit": metrics.scores(truth, reference)["macro_f1"],
            "moved": {"mean": float(moved.mean()), "most": float(moved.max())},
            "moved_by_batch": float(np.abs(p - small).max()),
            "holders": holders(rows, said),
        }
    )


def holders(rows: Sequence[Example], said: Sequence[Prediction]) -> dict[str, float] | None:
    """How often the holder is right where the stance is; None where no row names one."""
    registry = Registry.shipped()  # "Trump" is united-states to us, whatever a corpus calls him
    asked = [(row, p) for row, p in zip(rows, said, strict=True) if row.holder and row.label == p.label]
    if not asked:
        return None
    right = sum(same_holder(p.holder, registry.id_of(row.holder)) for row, p in asked)
    return {"rows": len(asked), "right": right / len(asked)}


def parts(folder: Path, rows: Sequence[Example]) -> dict[str, Mapping[str, Any]]:
    """Scores by party and by phenomenon, where there are rows enough."""
    truth, articles = gold(rows), groups(rows)
    labels = metrics.class_indices(p.label for p in StanceClassifier(folder).predict(rows))
    tables = {
        "parties": metrics.per_party(truth, labels, [row.party for row in rows], articles, **BOOTSTRAP),
        "phenomena": by_phenomenon(rows, truth, labels, articles),
    }
    return {
        name: plain({part: found for part, found in table.items() if found["n"] >= LEAST_ROWS})
        for name, table in tables.items()
    }


def thresholds(folder: Path, rows: Sequence[Example]) -> list[dict[str, Any]]:
    """Precision and recall of each polar stance when only what is likelier than a threshold counts."""
    p, truth = probabilities(StanceClassifier(folder).predict(rows)), gold(rows)
    table = []
    for threshold in THRESHOLDS:
        line: dict[str, Any] = {"threshold": threshold}
        for label in POLAR:
            index = LABELS.index(label)
            called, there = p[:, index] >= threshold, truth == index
            line[label] = {
                "called": int(called.sum()),
                "precision": float((called & there).sum() / max(called.sum(), 1)),
                "recall": float((called & there).sum() / max(there.sum(), 1)),
            }
        table.append(line)
    return table


def refuse(splits: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise `PartystanceError` when what was written says too much else than the run, or the batch matters.

    Macro-F1 says something where there are rows of every class and not few of them.
    """
    for name, found in splits.items():
        judged = found["rows"] >= LEAST_JUDGED and all(one["f1"]["n"] for one in found["classes"].values())
        lost = found["macro_f1_32_bit"] - found["scores"]["macro_f1"]["value"]
        if judged and lost > MOST_LOST:
            raise PartystanceError(f"{name}: rounding loses {lost:.4f} macro-F1, more than {MOST_LOST}")
        if found["moved_by_batch"] > MOST_BY_BATCH:
            raise PartystanceError(f"{name}: probabilities move by {found['moved_by_batch']} with the batch")


def base_model(run: Run) -> str:
    """Return the encoder that the first of a chain of runs began with.

    Raises:
        PartystanceError: a run of the chain is gone.
    """
    name = run.config["encoder"]
    if is_run(name):
        return base_model(read_run(Path(name)))
    if name.startswith("models/") and not Path(name).is_dir():
        raise PartystanceError(f"{name}: no such folder, but {run.folder} went on from it")
    return OFFICIAL if name == MINILM else name


def describe(folder: Path, out: Path, facts: Mapping[str, Any]) -> None:
    """Write the card and the manifest."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    kind = light_kind(folder)
    assert kind is not None
    card = render("released_card.md.j2", name=out.name, kind=kind, config=config, **facts)
    write_text(folder / "README.md", card)
    names = (WEIGHTS, f"{kind}/{ENCODER[kind]}", f"{kind}/{HEAD}")
    hashes = {name: sha256_file(folder / name) for name in names}
    kept = {name: value for name, value in facts.items() if name != "data"}
    write_json(
        folder / "manifest.json", {"weights_sha256": hashes, "temperature": config["temperature"], **kept}
    )


def logs(predictions: Sequence[Prediction]) -> np.ndarray:
    """Return log-probabilities (N, 3)."""
    return np.log(probabilities(predictions).clip(1e-9))


def probabilities(predictions: Sequence[Prediction]) -> np.ndarray:
    """Return what was predicted as an array (N, 3)."""
    return np.array([prediction.probabilities for prediction in predictions])


if __name__ == "__main__":
    typer.run(main)
