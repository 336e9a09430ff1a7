"""Score a run on a split, beside everything it has to beat; intervals resample whole articles.

    python train/evaluate_model.py models/demo
    python train/evaluate_model.py models/demo --split test --final --compare models/demo-blind

Prints a table, and writes it with `metrics.json`, `predictions.parquet` and `report.html` to
`models/<run>/evaluation/<split>/`. A held-out split is refused without `--final`. Takes some seconds more
than the model does.
"""

import json
import shlex
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
import yaml
from baselines import OPEN_SPLITS, fit_and_predict, gold, groups, read_split, refuse_held_out

from partystance import metrics
from partystance.console import readable_errors
from partystance.errors import InputError, PartystanceError
from partystance.files import git_commit, package_versions, sha256_file, write_json, write_text
from partystance.labels.handmade import RULE
from partystance.metrics import Estimate, Floats, Indices
from partystance.report.evaluation import evaluation_page, text_table
from partystance.schema import LABELS, Example, Prediction
from partystance.tables import write_rows

BOOTSTRAP = {"n_resamples": 1000, "seed": 13, "confidence": 0.95}
FEW_GROUPS = 20


@dataclass(frozen=True, slots=True)
class Run:
    """A trained run: its folder, resolved config and manifest."""

    folder: Path
    config: Mapping[str, Any]
    manifest: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The folder's name; says so where the run never saw its target."""
        name = self.folder.resolve().name
        return f"{name} (target-blind)" if self.config.get("target_blind") else name


@dataclass(frozen=True, slots=True)
class Answers:
    """What one system says of the rows: class indices (N,) and probabilities (N, 3)."""

    name: str
    kind: str
    labels: Indices
    probabilities: Floats
    model_id: str = ""


def main(
    run: Annotated[Path, typer.Argument(help="a folder that train/finetune.py wrote")],
    split: Annotated[str, typer.Option(help="which rows to score")] = "validation",
    final: Annotated[bool, typer.Option("--final", help="score a held-out split")] = False,
    data: Annotated[
        Path | None, typer.Option(help="a built dataset [default: the one the run was trained on]")
    ] = None,
    compare: Annotated[
        list[Path] | None, typer.Option(help="another run, as a row of the table; repeat for more")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="where to write [default: RUN/evaluation/SPLIT]")] = None,
) -> None:
    """Score a trained run against baselines.

    Examples:

        python train/evaluate_model.py models/demo

        python train/evaluate_model.py models/demo --split test --final --compare models/demo-blind
    """
    refuse_held_out(split, final)
    with readable_errors():
        runs = [read_run(folder) for folder in (run, *(compare or []))]
        dataset = data or Path(runs[0].config["data"])
        evaluate(runs, dataset, split, out or run / "evaluation" / split)


def evaluate(runs: Sequence[Run], data: Path, split: str, out: Path) -> None:
    """Score the first run, the others and the baselines; write everything, `metrics.json` last."""
    names = [run.name for run in runs]
    if len(set(names)) < len(names):
        raise PartystanceError(f"runs must have different names to share a table, not {', '.join(names)}")
    rows = read_split(data, split)
    predictions = predict(runs[0], rows)
    systems = [answers(runs[0], "model", predictions)]
    systems += [answers(run, "compared model", predict(run, rows)) for run in runs[1:]]
    for name, probabilities in fit_and_predict(data, rows):
        systems.append(Answers(name, "baseline", probabilities.argmax(1), probabilities))

    results = {**provenance(runs, data, split, rows), **measure(rows, systems)}
    table = results_table(results)
    write_rows(out / "predictions.parquet", prediction_rows(rows, predictions))
    write_text(out / "report.html", evaluation_page(results, rows, predictions))
    write_text(out / "table.txt", table + "\n")
    write_json(out / "metrics.json", plain(results))
    print(f"{table}\n\nwritten: {out}/report.html, metrics.json, predictions.parquet, table.txt")


def read_run(folder: Path) -> Run:
    """Read a run's config and manifest.

    Raises:
        PartystanceError: no such run, or its files do not say what it was trained on.
    """
    config = folder / "config.yaml"
    if not config.is_file():
        there = sorted(str(path.parent) for path in folder.parent.glob("*/config.yaml"))
        hint = (
            f"runs there: {', '.join(there)}"
            if there
            else "train one: python train/finetune.py configs/train/demo.yaml"
        )
        raise PartystanceError(f"{config}: no such file ({hint})")
    try:
        values = yaml.safe_load(config.read_text(encoding="utf-8"))
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(folder, f"not a whole run: {error}; train it again with train/finetune.py") from None
    if not isinstance(values, dict) or "data" not in values:
        raise InputError(config, "no key 'data': which dataset was it trained on?")
    return Run(folder, values, manifest)


def predict(run: Run, rows: Sequence[Example]) -> list[Prediction]:
    """Predict every row with a run's model."""
    from partystance.predictor import StanceClassifier  # torch: after what can fail without it

    print(f"{run.folder}: {len(rows)} rows", file=sys.stderr)
    return StanceClassifier(run.folder).predict(rows, progress=True)


def answers(run: Run, kind: str, predictions: Sequence[Prediction]) -> Answers:
    """Return a run's predictions as arrays."""
    labels = metrics.class_indices(prediction.label for prediction in predictions)
    probabilities = np.array([prediction.probabilities for prediction in predictions])
    return Answers(run.name, kind, labels, probabilities, predictions[0].model_id)


def measure(rows: Sequence[Example], systems: Sequence[Answers]) -> dict[str, Any]:
    """Every number of the report: all systems in brief, the first by class, party and confidence."""
    truth, articles, ours = gold(rows), groups(rows), systems[0]
    bins = metrics.calibration_terms(truth, ours.probabilities).sum(0)
    return {
        "systems": [measure_system(truth, articles, system, ours) for system in systems],
        "parties": metrics.per_party(truth, ours.labels, [row.party for row in rows], articles, **BOOTSTRAP),
        "phenomena": by_phenomenon(rows, truth, ours.labels, articles),
        "calibration": [
            {"n": int(n), "confidence": confidence / n, "accuracy": right / n}
            for n, confidence, right in bins.tolist()
            if n
        ],
    }


def by_phenomenon(
    rows: Sequence[Example], truth: Indices, labels: Indices, articles: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Scores on the rows of each tag, as those of each party; nothing where no row has a tag."""
    tagged = [(place, tag) for place, row in enumerate(rows) for tag in row.phenomena]
    if not tagged:
        return {}
    places = [place for place, _ in tagged]
    tags, own = [tag for _, tag in tagged], [articles[place] for place in places]
    return metrics.per_party(truth[places], labels[places], tags, own, **BOOTSTRAP)


def measure_system(truth: Indices, articles: Sequence[str], system: Answers, ours: Answers) -> dict[str, Any]:
    """Scores of one system, and how much better ours is on the same rows."""
    difference = metrics.paired_difference(
        metrics.macro_f1, truth, ours.labels, system.labels, articles, **BOOTSTRAP
    )
    return {
        "name": system.name,
        "kind": system.kind,
        "model_id": system.model_id,
        "scores": metrics.summary(truth, system.labels, system.probabilities, articles, **BOOTSTRAP),
        "classes": metrics.per_class(truth, system.labels, articles, **BOOTSTRAP),
        "confusion": metrics.confusion_matrix(truth, system.labels).tolist(),
        "ours_minus_it": None if system is ours else difference,
    }


def provenance(runs: Sequence[Run], data: Path, split: str, rows: Sequence[Example]) -> dict[str, Any]:
    """Where the numbers come from."""
    files = {name: data / f"{name}.parquet" for name in dict.fromkeys((*OPEN_SPLITS, split))}
    hashes = {name: sha256_file(path) for name, path in files.items()}
    sources = Counter(row.label_source for row in rows)
    return {
        "split": split,
        "rows": len(rows),
        "groups": len(set(groups(rows))),
        "labels": {label: sum(row.label == label for row in rows) for label in LABELS},
        "label_sources": dict(sorted(sources.items())),
        "notes": list(notes(runs, split, rows, hashes)),
        "data": {"path": str(data), "sha256": hashes},
        "runs": [str(run.folder) for run in runs],
        "bootstrap": BOOTSTRAP,
        "command": shlex.join(["python", *sys.argv]),
        "commit": git_commit(),
        "date": datetime.now(UTC).date().isoformat(),
        "versions": package_versions("partystance", "torch", "transformers", "scikit-learn", "numpy"),
    }


def notes(
    runs: Sequence[Run], split: str, rows: Sequence[Example], hashes: Mapping[str, str]
) -> Iterator[str]:
    """What a reader must know before trusting the numbers."""
    if split == "train":
        yield "These rows were trained on: the scores say how well they were learnt, not what to expect."
    if split == "validation":
        yield "These rows chose the epoch and the settings: the scores flatter a little."
    for run in runs:
        if run.manifest.get("inputs", {}).get("train") != hashes["train"]:
            yield f"{run.name} was trained on another train split than the one here: it may know these rows."
    by_rule = sum(row.label_source == RULE for row in rows)
    if by_rule:
        yield f"{by_rule} of these rows were labelled by rule: on them the rules are right by construction."
    if len(set(groups(rows))) < FEW_GROUPS:
        yield f"With fewer than {FEW_GROUPS} articles the intervals are too narrow."


def results_table(results: Mapping[str, Any]) -> str:
    """The table for a terminal, with what it is about."""
    systems = {system["name"]: system["scores"] for system in results["systems"]}
    differences = {s["name"]: s["ours_minus_it"] for s in results["systems"] if s["ours_minus_it"]}
    head = (
        f"{results['split']}: {results['rows']} rows of {results['groups']} articles; "
        "in brackets 95 % intervals, from resampling articles"
    )
    return "\n".join(
        [head, "", text_table(systems, differences), *(f"note: {note}" for note in results["notes"])]
    )


def prediction_rows(rows: Sequence[Example], predictions: Sequence[Prediction]) -> Iterator[dict[str, Any]]:
    """Prediction rows with the gold label, where it comes from, and what was resampled as a whole."""
    for row, prediction, group in zip(rows, predictions, groups(rows), strict=True):
        yield prediction.to_row() | {"gold": row.label, "label_source": row.label_source, "group": group}


def plain(value: Any) -> Any:
    """Return the results as JSON values, numbers rounded to six decimals."""
    if isinstance(value, Estimate):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return round(value, 6) if isinstance(value, float) else value


if __name__ == "__main__":
    typer.run(main)
