"""Do chosen labels teach more than random ones, and does the forecast of what labels are worth come true?

    python benchmarks/active_learning.py <folder of NewsMTSC>    # 10 seeds; 20 minutes on one core

NewsMTSC's training rows play the unlabelled pool, less the articles and sentences of the two devtest files.
A round chooses 100 rows as `partystance suggest` does, looks up their labels, and trains the quick classifier
again. Each seed sets other articles of the pool apart; they and the devtest files only score. Writes the
numbers, the table and the plot of docs/.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from sklearn.model_selection import GroupShuffleSplit
from tqdm import tqdm

from partystance.console import readable_errors
from partystance.features import frozen_features
from partystance.files import staged, write_json
from partystance.labels.newsmtsc import read_newsmtsc
from partystance.learning_curve import measure_curve
from partystance.light import LightClassifier
from partystance.metrics import Indices, class_indices, confusion_matrix, macro_f1
from partystance.selection import (
    Cap,
    Order,
    diverse_order,
    mixed_order,
    random_order,
    take,
    uncertain_order,
    uncertainty,
)
from partystance.splits import assign_groups, near_duplicate_clusters
from partystance.suggestions import PER_SENTENCE, Strategy

DOCS = Path(__file__).parent.parent / "docs"
BUDGETS = (100, 200, 400, 800, 1600, 3200)
ROUND = 100
"""Rows a round, the default of `partystance suggest`."""

PER_ARTICLE = 5
HELD_OUT_ROWS = 0.2
FORECAST_ROWS, MORE = (200, 400, 800), (100, 300, 1000)
FORECAST_DRAWS, TRUE_DRAWS = 10, 60
"""Sets of labels to forecast from, and sets to see what labels really bring: a single one scatters."""

STYLES = {
    "random": ("#595959", "o", "--"),
    "uncertain": ("#D55E00", "s", "-"),
    "mixed": ("#0072B2", "^", "-"),
}
"""Okabe & Ito's palette, told apart without colour too: marker and line."""

PLACES = {"devtest": "NewsMTSC devtest files", "held-out": "other articles of the pool"}


@dataclass(frozen=True, slots=True)
class Rows:
    """Features (N, D), classes (N,), and what near-identical sentences and articles have in common (N)."""

    features: NDArray[Any]
    labels: Indices
    articles: NDArray[Any]
    sentences: NDArray[Any]

    def __getitem__(self, index: NDArray[Any]) -> "Rows":
        return Rows(self.features[index], self.labels[index], self.articles[index], self.sentences[index])

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class Point:
    """Macro-F1 of one seed after so many labels."""

    strategy: str
    seed: int
    labels: int
    scores: dict[str, float]


@dataclass(frozen=True, slots=True)
class Forecast:
    """What was expected of more labels, and what they brought."""

    labels: int
    more: int
    expected: float
    low: float
    high: float
    true: float
    true_sd: float


def read_rows(folder: Path) -> tuple[Rows, Rows]:
    """Return the pool and the devtest rows, which share no article and no sentence."""
    train, *devtest = (
        list(read_newsmtsc(folder / f"{name}.jsonl")) for name in ("train", "rw_dev", "mt_dev")
    )
    examples = assign_groups([*train, *(row for part in devtest for row in part)])
    rows = Rows(
        frozen_features(examples, progress="features"),
        class_indices(row.label for row in examples),
        np.array([row.group for row in examples]),
        np.array(near_duplicate_clusters([row.text for row in examples])),
    )
    held = np.arange(len(examples)) >= len(train)
    return rows[~held & ~np.isin(rows.articles, rows.articles[held])], rows[held]


def score(train: Rows, tests: Mapping[str, Rows]) -> dict[str, float]:
    """Train on some rows; return macro-F1 by name of the rows to score."""
    classifier = LightClassifier.fit(train.features, train.labels)
    return {
        name: float(macro_f1(confusion_matrix(test.labels, classifier.predict(test.features))))
        for name, test in tests.items()
    }


def order(strategy: Strategy, labelled: Rows, left: Rows, seed: int) -> Order:
    """Put the unlabelled rows in the order in which a strategy wants them, knowing the labelled ones."""
    if strategy is Strategy.RANDOM or (not len(labelled) and strategy is Strategy.UNCERTAIN):
        return random_order(len(left), seed)
    if not len(labelled):
        return diverse_order(left.features, ROUND, seed)
    probabilities = LightClassifier.fit(labelled.features, labelled.labels).predict_proba(left.features)
    if strategy is Strategy.UNCERTAIN:
        return uncertain_order(uncertainty(probabilities), seed)
    return mixed_order(probabilities, left.features, ROUND, seed)


def simulate(strategy: Strategy, pool: Rows, tests: Mapping[str, Rows], seed: int) -> Iterator[Point]:
    """Label the pool round by round; yield the scores at each of `BUDGETS`."""
    left, known = np.arange(len(pool)), np.array([], dtype=np.int64)
    while len(known) < BUDGETS[-1]:
        rows = pool[left]
        caps = [Cap(rows.articles.tolist(), PER_ARTICLE), Cap(rows.sentences.tolist(), PER_SENTENCE)]
        chosen = take(order(strategy, pool[known], rows, seed + len(known)), ROUND, caps)
        known, left = np.append(known, left[chosen]), np.delete(left, chosen)
        if len(known) in BUDGETS:
            yield Point(str(strategy), seed, len(known), score(pool[known], tests))


def set_apart(pool: Rows, seed: int, share: float = HELD_OUT_ROWS) -> tuple[Rows, Rows]:
    """Divide the pool by article: rows to label, rows to score."""
    split = GroupShuffleSplit(1, test_size=share, random_state=seed).split(pool.labels, groups=pool.articles)
    label, held_out = next(iter(split))
    return pool[label], pool[held_out]


def curves(pool: Rows, devtest: Rows, seeds: int) -> list[Point]:
    """Run every strategy with every seed."""
    points: list[Point] = []
    with tqdm(total=seeds * len(Strategy) * len(BUDGETS), desc="curves", unit=" points") as bar:
        for seed in range(seeds):
            rest, held_out = set_apart(pool, seed)
            for strategy in Strategy:
                for point in simulate(strategy, rest, {"devtest": devtest, "held-out": held_out}, seed):
                    points.append(point)
                    bar.update()
    return points


def true_gains(rest: Rows, held_out: Rows) -> dict[tuple[int, int], NDArray[np.float64]]:
    """Return what more random labels bring, by labels there are and labels more: one gain a draw."""
    gains: dict[tuple[int, int], list[float]] = {(rows, more): [] for rows in FORECAST_ROWS for more in MORE}
    sizes = sorted({rows + more for rows in FORECAST_ROWS for more in (0, *MORE)})
    for seed in tqdm(range(TRUE_DRAWS), desc="what labels bring", unit=" draws"):
        drawn = random_order(len(rest), seed)
        scores = {size: score(rest[drawn[:size]], {"": held_out})[""] for size in sizes}
        for rows, more in gains:
            gains[rows, more].append(scores[rows + more] - scores[rows])
    return {key: np.array(found) for key, found in gains.items()}


def forecasts(pool: Rows) -> list[Forecast]:
    """Forecast from small random sets of labels, and look what random labels really bring on average."""
    rest, held_out = set_apart(pool, seed=0, share=0.4)
    true = true_gains(rest, held_out)
    found: list[Forecast] = []
    for rows in FORECAST_ROWS:
        for seed in tqdm(range(FORECAST_DRAWS), desc=f"forecasts from {rows}", unit=" curves"):
            known = rest[random_order(len(rest), seed)[:rows]]
            curve = measure_curve(known.features, known.labels, known.articles.tolist(), seed)
            for more in MORE:
                gain, brought = curve.gain(more), true[rows, more]
                said = (gain.value, gain.low or 0.0, gain.high or 0.0)
                found.append(Forecast(rows, more, *said, float(brought.mean()), float(brought.std(ddof=1))))
    return found


def series(points: Sequence[Point], strategy: str, place: str) -> NDArray[np.float64]:
    """Scores of a strategy: (seeds, budgets)."""
    own = [point for point in points if point.strategy == strategy]
    seeds = sorted({point.seed for point in own})
    found = {(point.seed, point.labels): point.scores[place] for point in own}
    return np.array([[found[seed, labels] for labels in BUDGETS] for seed in seeds])


def curve_table(points: Sequence[Point]) -> Iterator[str]:
    """Yield a Markdown table: mean over seeds, and in how many seeds a strategy beats random."""
    yield "| scored on | strategy | " + " | ".join(f"{labels}" for labels in BUDGETS) + " |"
    yield "|---" * (2 + len(BUDGETS)) + "|"
    for place in PLACES:
        base = series(points, "random", place)
        for strategy in STYLES:
            scores = series(points, strategy, place)
            wins = (scores > base).sum(0)
            cells = [
                f"{mean:.3f}" + (f" ({won}/{len(base)})" if strategy != "random" else "")
                for mean, won in zip(scores.mean(0), wins, strict=True)
            ]
            yield f"| {place} | {strategy} | " + " | ".join(cells) + " |"
        needed = random_labels_needed(base.mean(0), series(points, "mixed", place).mean(0))
        yield f"| {place} | random labels to reach mixed | " + " | ".join(needed) + " |"


def random_labels_needed(random: NDArray[np.float64], mixed: NDArray[np.float64]) -> list[str]:
    """Return how many random labels score as mixed does at each budget, by interpolation between budgets."""
    logs = np.interp(mixed, random, np.log(BUDGETS))
    return [
        f"{round(float(np.exp(log)), -1):.0f}" if score <= random[-1] else f"> {BUDGETS[-1]}"
        for log, score in zip(logs, mixed, strict=True)
    ]


def forecast_table(found: Sequence[Forecast]) -> Iterator[str]:
    """Yield a Markdown table: forecast beside truth, and how often the interval held it."""
    yield "| labels | more | brings (± sd of one set) | forecast (mean) | interval (mean ends) | held |"
    yield "|---" * 6 + "|"
    for rows in FORECAST_ROWS:
        for more in MORE:
            own = [f for f in found if (f.labels, f.more) == (rows, more)]
            held = sum(f.low <= f.true <= f.high for f in own)
            expected, low, high = np.mean([(f.expected, f.low, f.high) for f in own], axis=0)
            cells = (
                f"{own[0].true:.3f} ± {own[0].true_sd:.3f}",
                f"{expected:.3f}",
                f"{low:.3f} to {high:.3f}",
            )
            yield f"| {rows} | +{more} | {' | '.join(cells)} | {held} of {len(own)} |"


def numbers(points: Sequence[Point], found: Sequence[Forecast]) -> dict[str, Any]:
    """Return all that was measured as plain values; a curve is a list of scores a seed, one a budget."""
    return {
        "labels": BUDGETS,
        "macro_f1": {
            place: {name: series(points, name, place).round(4).tolist() for name in STYLES}
            for place in PLACES
        },
        "forecasts": [
            {name: round(value, 4) for name, value in asdict(forecast).items()} for forecast in found
        ],
    }


def plot(points: Sequence[Point], path: Path) -> None:
    """Draw labels against macro-F1: means over seeds, and the middle standard deviation as a band."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    # Text as text: small, and readable to search engines and screen readers; no date, the same file again.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "active", "font.family": "sans-serif"})
    figure, panels = plt.subplots(1, len(PLACES), figsize=(9, 4), sharey=True, layout="constrained")
    for axes, (place, title) in zip(panels, PLACES.items(), strict=True):
        for strategy, (colour, marker, line) in STYLES.items():
            scores = series(points, strategy, place)
            mean, spread = scores.mean(0), scores.std(0, ddof=1) if len(scores) > 1 else 0
            axes.plot(BUDGETS, mean, line, color=colour, marker=marker, label=strategy)
            axes.fill_between(BUDGETS, mean - spread, mean + spread, color=colour, alpha=0.12, linewidth=0)
        axes.set(xscale="log", title=f"Scored on {title}", xlabel="labelled rows")
        axes.set_xticks(BUDGETS, [f"{labels:,}" for labels in BUDGETS])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("macro-F1")
    seeds = len({point.seed for point in points})
    panels[0].legend(title=f"rows chosen (mean ± sd, {seeds} seeds)", frameon=False)
    with staged(path) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None})


def main(
    corpus: Annotated[Path, typer.Argument(help="the folder with train, rw_dev and mt_dev.jsonl")],
    seeds: Annotated[int, typer.Option(min=1, help="repetitions of every curve")] = 10,
    out: Annotated[Path, typer.Option(help="where numbers and plot go")] = DOCS,
) -> None:
    """Measure the strategies and the forecast; print tables, write numbers and plot."""
    with readable_errors():
        pool, devtest = read_rows(corpus)
        print(
            f"{len(pool)} rows of {len(set(pool.articles))} articles to choose from, {len(devtest)} to score"
        )
        points, found = curves(pool, devtest, seeds), forecasts(pool)
        print(*curve_table(points), "", *forecast_table(found), sep="\n")
        write_json(out / "active-learning.json", numbers(points, found))
        plot(points, out / "images" / "active-learning.svg")


if __name__ == "__main__":
    typer.run(main)
