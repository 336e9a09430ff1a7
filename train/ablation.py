"""What each source of labels adds: one model a set of sources and seed, all scored on the same held-out rows.

    python train/ablation.py data/built/news configs/train/news.yaml

Takes the train rows of sets of sources out of a built dataset, fine-tunes on one set or on one after the
other with each seed (a set may have settings of its own: `overlays,consistency_weight=1`), scores the test
split and the minimal pairs, and writes `ablation.json` and `ablation.md` to `models/ablation/`. Runs that are
there already are not trained again. Some five hours on 2 CPU cores.
"""

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from baselines import gold, groups, read_split
from evaluate_pairs import ask_pairs
from seeds import OverSeeds, over_seeds

from partystance import metrics
from partystance.building import write_split
from partystance.console import readable_errors
from partystance.engines import WEIGHTS
from partystance.errors import PartystanceError
from partystance.files import git_commit, sha256_file, write_json, write_text
from partystance.labels.handmade import CURATED
from partystance.labels.overlays import is_overlay
from partystance.schema import LABELS, Example

Recipe = tuple[tuple[str, ...], ...]
"""Sources that train together, and `key=value` settings of that training, in stages: each stage goes on from
the weights of the one before."""

RECIPES = (
    "newsmtsc,dse,dse-silence then invented,overlays,contrast",
    "newsmtsc,dse,dse-silence then invented,overlays",
    "invented,overlays,contrast",
    "invented,overlays",
    "overlays",
    "invented",
    "newsmtsc,dse,dse-silence",
)
THEN = " then "

CONTRAST = "con-"
"""How the ids of `data/labels/contrast.jsonl` begin."""

SMALL_ROWS, SMALL_EPOCHS = 6000, 8
"""Sets of fewer rows see them more often: three epochs of a thousand sentences are too few steps."""

RUNS = Path("models/ablation")


@dataclass(frozen=True, slots=True)
class Score:
    """A recipe: its scores on the test rows, minimal pairs right."""

    sources: str
    train_rows: int
    test: OverSeeds
    pairs_right: float


def main(
    data: Annotated[Path, typer.Argument(help="a built dataset of several sources")],
    run: Annotated[Path, typer.Argument(help="a file of configs/train")],
    seed: Annotated[list[int] | None, typer.Option(help="repeat for more [default: 13 14 15]")] = None,
    sources: Annotated[
        list[str] | None,
        typer.Option(help="e.g. 'newsmtsc then invented,overlays'; repeat for more [default: seven]"),
    ] = None,
) -> None:
    """Train on sets of sources, or on one after the other, and compare what they teach.

    Examples:

        python train/ablation.py data/built/news configs/train/news.yaml --seed 13 --seed 14

        python train/ablation.py data/built/news configs/train/news.yaml --sources "dse then overlays"

        python train/ablation.py data/built/news configs/train/news.yaml --sources "overlays,dropout=0.2"
    """
    with readable_errors("finished runs are kept: the same command goes on"):
        seeds = seed or [13, 14, 15]
        rows = read_split(data, "train")
        recipes = [recipe(text) for text in sources or RECIPES]
        known = Counter(source(row) for row in rows)
        for name in (name for stages in recipes for stage in stages for name in sources_of(stage)):
            if name not in known:
                there = ", ".join(sorted(known))
                raise PartystanceError(f"--sources {name}: no such rows in {data}; there are {there}")
        for one in seeds:  # seed by seed, so that what is done early already compares
            for stages in recipes:
                for number in range(len(stages)):
                    finetune(data, run, stages[: number + 1], rows, one)
        rows_of = {stages: sum(known[name] for name in sources_of(stages[-1])) for stages in recipes}
        compare(data, rows_of, seeds)


def recipe(text: str) -> Recipe:
    """Return the stages of `a,b then c,key=value`."""
    return tuple(tuple(stage.split(",")) for stage in text.split(THEN))


def sources_of(stage: Sequence[str]) -> list[str]:
    """Return what of a stage are sources, not settings."""
    return [part for part in stage if "=" not in part]


def source(row: Example) -> str:
    """Which source a row of the dataset is from."""
    if row.label_source != CURATED:
        return row.label_source
    if is_overlay(row):
        return "overlays"
    return "contrast" if row.doc_id.startswith(CONTRAST) else "invented"


def run_folder(stages: Recipe, seed: int) -> Path:
    """Where a recipe's run with a seed is written."""
    return RUNS / f"{'-then-'.join('-'.join(stage) for stage in stages)}-{seed}"


def part_folder(stage: Sequence[str]) -> Path:
    """Where the rows of a stage are written."""
    return RUNS / "data" / "-".join(sources_of(stage))


def training(run: Path, stages: Recipe, seed: int, rows: int) -> list[str]:
    """Return the command that trains the last stage of a recipe, on so many rows."""
    *before, stage = stages
    command = ["train/finetune.py", str(run), f"data={part_folder(stage)}"]
    command += [f"output={run_folder(stages, seed)}", f"seed={seed}"]
    command += [f"encoder={run_folder(tuple(before), seed)}"] * bool(before)
    command += [f"training.num_train_epochs={SMALL_EPOCHS}"] * (rows < SMALL_ROWS)
    return command + [part for part in stage if "=" in part]


def finetune(data: Path, run: Path, stages: Recipe, rows: Sequence[Example], seed: int) -> None:
    """Fine-tune the last stage of a recipe from the run of those before, unless that is done.

    Raises:
        PartystanceError: there is a run, but of other rows or from other weights; or training failed.
    """
    folder = run_folder(stages, seed)
    *before, stage = stages
    names = sources_of(stage)
    own = [row for row in rows if source(row) in names]
    part = part_folder(stage)
    part.mkdir(parents=True, exist_ok=True)
    write_split(part / "train.parquet", own)
    shutil.copyfile(data / "validation.parquet", part / "validation.parquet")
    if (folder / "manifest.json").is_file():
        inputs = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["inputs"]
        stale = inputs != {name: sha256_file(part / f"{name}.parquet") for name in ("train", "validation")}
        first = run_folder(tuple(before), seed) / WEIGHTS
        if stale or (before and first.stat().st_mtime > (folder / WEIGHTS).stat().st_mtime):
            raise PartystanceError(f"{folder} was trained on other rows or weights: delete it to train again")
        return
    command = training(run, stages, seed, len(own))
    if subprocess.run([sys.executable, *command], check=False).returncode:
        raise PartystanceError(f"this run failed: python {' '.join(command)}")


def compare(data: Path, recipes: Mapping[Recipe, int], seeds: Sequence[int]) -> None:
    """Score every recipe, given with the rows of its last stage, and write the table."""
    test = read_split(data, "test")
    scores = [score(stages, train_rows, seeds, test) for stages, train_rows in recipes.items()]
    facts = {
        "data": {name: sha256_file(data / f"{name}.parquet") for name in ("train", "validation", "test")},
        "seeds": list(seeds),
        "test_rows": len(test),
        "commit": git_commit(),
        "recipes": [asdict(s) for s in scores],
    }
    table = markdown(scores, seeds)
    write_text(RUNS / "ablation.md", table)
    write_json(RUNS / "ablation.json", facts)
    print(table)


def score(
    stages: Recipe,
    train_rows: int,
    seeds: Sequence[int],
    test: Sequence[Example],
) -> Score:
    """Predict with each seed's run; the interval is that of the seeds' mean, articles resampled."""
    from partystance.predictor import StanceClassifier

    said, right = [], []
    for seed in seeds:
        classifier = StanceClassifier(run_folder(stages, seed))
        said.append(metrics.class_indices(p.label for p in classifier.predict(test)))
        right.append(ask_pairs(classifier)["all"]["right"])
    return Score(
        sources=", then ".join(" + ".join(stage) for stage in stages),
        train_rows=train_rows,
        test=over_seeds(gold(test), groups(test), said),
        pairs_right=float(np.mean(right)),
    )


def markdown(scores: Sequence[Score], seeds: Sequence[int]) -> str:
    """The table, scores in percent."""
    head = f"| trained on | rows | macro-F1 (95 %) | by seed ({', '.join(map(str, seeds))}) | "
    lines = [head + " | ".join(f"F1 {label}" for label in LABELS) + " | pairs right |"]
    lines.append("|---|---:|---|---|" + "---:|" * (len(LABELS) + 1))
    for s in scores:
        cells = [
            s.sources,
            str(s.train_rows),
            f"{s.test.macro_f1:.1%} [{s.test.interval[0]:.1%}, {s.test.interval[1]:.1%}]",
            ", ".join(f"{value:.1%}" for value in s.test.by_seed),
            *(f"{s.test.f1[label]:.1%}" for label in LABELS),
            f"{s.pairs_right:.1%}",
        ]
        lines.append(f"| {' | '.join(cells)} |".replace("%", ""))
    return "\n".join(lines).replace("(95 )", "(95 %)") + "\n"


if __name__ == "__main__":
    typer.run(main)
