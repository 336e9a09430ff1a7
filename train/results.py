"""The table of results: ours by seed, baselines, published numbers, each beside what it was measured on.

    python train/results.py configs/results.yaml [key=value ...]

Scores every run of the config on held-out splits, fits the baselines on the same train split, asks for DSE's
five-way task, and writes `models/README.md`. No model is trained. Some five minutes on 2 CPU cores.

What it measured it keeps in `models/results.json`, beside the hashes of what was measured on: a system whose
runs are elsewhere keeps its line, as long as the held-out rows are the same.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

import numpy as np
import typer
from baselines import fit_and_predict, gold, groups, read_split
from evaluate_dse import MEASURES, confusion, relations, unseen_pairs
from evaluate_pairs import PAIRS, ask_pairs
from pydantic import Field, model_validator
from safetensors.numpy import load_file
from seeds import BOOTSTRAP, over_seeds
from templates import render
from tqdm import tqdm

from partystance import StanceClassifier, metrics
from partystance.configs import StrictModel, load_config
from partystance.console import readable_errors
from partystance.engines import WEIGHTS, light_kind
from partystance.errors import PartystanceError
from partystance.files import git_commit, package_versions, sha256_file, write_json, write_text
from partystance.labels.dse import Pair
from partystance.metrics import Indices
from partystance.schema import Example

P = TypeVar("P", "Comparison", "DseTask")


class Published(StrictModel):
    """A number from a paper."""

    system: str
    parameters: str
    scores: list[str] = Field(description="one a column of the table, in percent")
    measured_on: str
    source: str


Runs = Annotated[list[Path], Field(min_length=1)]
"""A system's run of each seed."""


class Comparison(StrictModel):
    """Systems scored on the same files."""

    title: str
    note: str = ""
    data: Path = Field(description="a built dataset")
    splits: list[str] = Field(min_length=1)
    systems: dict[str, Runs]
    minimal_pairs: bool = False
    published: list[Published] = Field(default_factory=list)

    @model_validator(mode="after")
    def _a_score_a_column(self) -> Self:
        return columns_filled(self, len(self.splits))

    def files(self) -> list[Path]:
        """What the systems are scored on."""
        return [self.data / f"{split}.parquet" for split in self.splits] + [PAIRS] * self.minimal_pairs


class DseTask(StrictModel):
    """DSE's five-way task."""

    title: str
    note: str = ""
    pairs: Path = Field(description="valid.txt as published")
    train: Path = Field(description="train.txt: pairs whose sentence is in it are left out")
    systems: dict[str, Runs]
    published: list[Published] = Field(default_factory=list)

    @model_validator(mode="after")
    def _a_score_a_column(self) -> Self:
        return columns_filled(self, len(MEASURES))

    def files(self) -> list[Path]:
        """What the systems are scored on."""
        return [self.pairs, self.train]


def columns_filled(part: P, columns: int) -> P:
    """Return the part, or raise `ValueError` when a published system has not one score a column."""
    for one in part.published:
        if len(one.scores) != columns:
            raise ValueError(f"{one.system!r} has {len(one.scores)} scores for {columns} columns")
    return part


class ResultsConfig(StrictModel):
    """What is compared with what."""

    output: Path = Path("models/README.md")
    comparisons: list[Comparison]
    dse: DseTask


def main(
    config: Annotated[Path, typer.Argument(help="a file like configs/results.yaml")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="key=value, e.g. dse.train=corpora/dse/train.txt")
    ] = None,
) -> None:
    """Score everything and write the table.

    Example:

        python train/results.py configs/results.yaml dse.pairs=dse/valid.txt dse.train=dse/train.txt
    """
    with readable_errors():
        wanted = load_config(ResultsConfig, config, overrides or [])
        known = Known(wanted.output.with_name("results.json"))
        check_all_there(wanted, known)
        tables = [table(comparison, known) for comparison in wanted.comparisons]
        tables.append(dse_table(wanted.dse, known))
        write_json(known.path, known.lines)
        page = render(
            "results.md.j2",
            tables=tables,
            config=config,
            commit=git_commit(),
            versions=package_versions("partystance", "ctranslate2", "torch", "scikit-learn"),
        )
        write_text(wanted.output, page)
        print(f"written: {wanted.output}")


class Known:
    """What was measured: by comparison and system, the cells of its line, the commit, and on which files.

    Args:
        path: the JSON file that keeps it, which need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[str, dict[str, Any]] = (
            json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        )

    def holds(self, part: Comparison | DseTask, system: str) -> bool:
        """Whether a system was measured on the very files of a comparison."""
        return self.lines.get(f"{part.title}: {system}", {}).get("files") == hashes(part)

    def line(self, part: Comparison | DseTask, system: str, measure: Callable[[], list[str]]) -> list[str]:
        """Return the line of a system: measured now where its runs are there, else as it was."""
        key = f"{part.title}: {system}"
        there = all((run / "config.json").is_file() for run in part.systems[system])
        if there:
            self.lines[key] = {"cells": measure(), "commit": git_commit(), "files": hashes(part)}
        size, speed, *cells = self.lines[key]["cells"]  # of another machine, a speed says nothing here
        return [system, size, speed if there else "", *cells, short(self.lines[key]["commit"])]


def short(commit: str) -> str:
    """Return the first digits of a commit, with a plus where the code differed from it."""
    return commit[:7] + "+" * commit.endswith("+changes")


def hashes(part: Comparison | DseTask) -> dict[str, str]:
    """Return the SHA-256 of the files that a comparison scores on."""
    return {path.name: sha256_file(path) for path in part.files()}


def check_all_there(wanted: ResultsConfig, known: Known) -> None:
    """Raise `PartystanceError` for what is missing, before anything takes time."""
    parts = [*wanted.comparisons, wanted.dse]
    if gone := [path for part in parts for path in part.files() if not path.is_file()]:
        raise PartystanceError(f"not there: {', '.join(map(str, gone))}")
    lost = [
        str(run)
        for part in parts
        for system, runs in part.systems.items()
        for run in runs
        if not (run / "config.json").is_file() and not known.holds(part, system)
    ]
    if lost:
        raise PartystanceError(f"not there, nor measured before on these files: {', '.join(lost)}")


def table(comparison: Comparison, known: Known) -> dict[str, object]:
    """Score the systems and the baselines of a comparison."""
    splits = {name: read_split(comparison.data, name) for name in comparison.splits}
    columns = [f"{name} ({len(rows)} rows)" for name, rows in splits.items()]
    lines = [
        known.line(comparison, name, lambda runs=runs: measured(runs, comparison, splits))
        for name, runs in tqdm(comparison.systems.items(), desc=comparison.title, unit="system")
    ]
    for name, cells in baselines(comparison.data, splits).items():
        lines.append([name, "", "", *cells, *["–"] * comparison.minimal_pairs, short(git_commit())])
    columns += ["minimal pairs right"] * comparison.minimal_pairs
    return page_table(comparison, columns, lines)


def measured(
    runs: Sequence[Path], comparison: Comparison, splits: Mapping[str, Sequence[Example]]
) -> list[str]:
    """Return size, speed and scores of a system."""
    classifiers = [load(run) for run in runs]
    cells = [scored(classifiers, rows) for rows in splits.values()]
    if comparison.minimal_pairs:
        right = [ask_pairs(classifier)["all"]["right"] for classifier in classifiers]
        cells.append(percent(np.mean(right)))
    speed = sentences_per_s(classifiers[0], next(iter(splits.values())))
    return [size(runs[0]), f"{speed:.0f}", *cells]


def dse_table(task: DseTask, known: Known) -> dict[str, object]:
    """Score the systems on DSE's pairs."""
    asked = unseen_pairs(task.pairs, task.train)
    truth = np.array([int(pair.relation) for pair in asked])
    lines = [
        known.line(task, name, lambda runs=runs: related(runs, asked, truth))
        for name, runs in tqdm(task.systems.items(), desc=task.title, unit="system")
    ]
    none = confusion(truth, np.zeros_like(truth)).sum(0)
    scores = [percent(float(measure(none))) for measure in MEASURES.values()]
    lines.append(["none for all", "", "", *scores, short(git_commit())])
    return page_table(task, [f"{name} ({len(asked)} pairs)" for name in MEASURES], lines)


def related(runs: Sequence[Path], asked: Sequence[Pair], truth: Indices) -> list[str]:
    """Return size, no speed, and scores of a system on pairs of parties."""
    found = [confusion(truth, relations(load(run), asked).argmax(1)) for run in runs]
    cells = []
    for measure in MEASURES.values():
        by_seed = [float(measure(matrices.sum(0))) for matrices in found]
        resampled = [measure(metrics.resample(matrices, **BOOTSTRAP)) for matrices in found]
        cells.append(cell(by_seed, metrics.percentile_interval(np.mean(resampled, axis=0))))
    return [size(runs[0]), "", *cells]


def page_table(
    part: Comparison | DseTask, columns: Sequence[str], lines: Sequence[Sequence[str]]
) -> dict[str, object]:
    """What the template needs."""
    return {
        "title": part.title,
        "note": part.note,
        "columns": columns,
        "lines": [[escaped(text) for text in line] for line in lines],
        "published": [
            [escaped(value if isinstance(value, str) else " / ".join(value)) for _, value in one]
            for one in part.published
        ],
    }


def escaped(text: str) -> str:
    """Return text for a cell of a Markdown table."""
    return text.replace("|", r"\|")


def percent(value: float | np.floating) -> str:
    """Return a number in percent, without the sign."""
    return f"{100 * value:.1f}"


def load(run: Path) -> StanceClassifier:
    """Load a run on the CPU."""
    return StanceClassifier(run, device="cpu")


def scored(classifiers: Sequence[StanceClassifier], rows: Sequence[Example]) -> str:
    """Return macro-F1 over the seeds."""
    said = [metrics.class_indices(p.label for p in classifier.predict(rows)) for classifier in classifiers]
    found = over_seeds(gold(rows), groups(rows), said)
    return cell(found.by_seed, found.interval)


def cell(by_seed: Sequence[float], interval: Sequence[float]) -> str:
    """Return `mean [low, high] (by seed)`."""
    seeds = f" ({', '.join(map(percent, by_seed))})" if len(by_seed) > 1 else ""
    return f"{percent(np.mean(by_seed))} [{percent(interval[0])}, {percent(interval[1])}]{seeds}"


def baselines(data: Path, splits: Mapping[str, Sequence[Example]]) -> dict[str, list[str]]:
    """Return the cells of each baseline, fitted on the train split."""
    rows = [row for split in splits.values() for row in split]
    ends = np.cumsum([len(split) for split in splits.values()])[:-1]
    cells: dict[str, list[str]] = {}
    for name, p in fit_and_predict(data, rows):
        parts = np.split(p.argmax(1), ends)
        found = [
            over_seeds(gold(split), groups(split), [part])
            for split, part in zip(splits.values(), parts, strict=True)
        ]
        cells[name] = [cell(one.by_seed, one.interval) for one in found]
    return cells


def size(run: Path) -> str:
    """Return parameters, and the megabytes that predicting on a CPU needs."""
    parameters = sum(weights.size for weights in load_file(run / WEIGHTS).values())
    kind = light_kind(run)
    files = list((run / kind).iterdir()) if kind else [run / WEIGHTS]
    return f"{parameters / 1e6:.0f} M, {sum(file.stat().st_size for file in files) / 1e6:.0f} MB"


def sentences_per_s(classifier: StanceClassifier, rows: Sequence[Example]) -> float:
    """Return the speed on a split, which it has read once before."""
    started_s = time.perf_counter()
    classifier.predict(rows)
    return len({row.text for row in rows}) / (time.perf_counter() - started_s)


if __name__ == "__main__":
    typer.run(main)
