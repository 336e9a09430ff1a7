"""The benchmark of chosen labels, on invented features: what it counts and what it draws."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from partystance.suggestions import Strategy

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "active_learning.py"


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("active_learning", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def small(benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(benchmark, "BUDGETS", (20, 40, 80))
    monkeypatch.setattr(benchmark, "ROUND", 20)
    return benchmark


def rows(benchmark: ModuleType, n: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=n)
    features = rng.normal(size=(n, 8)) + 2 * np.eye(8)[labels]
    return benchmark.Rows(features, labels, np.array([f"a{i // 3}" for i in range(n)]), np.arange(n))


@pytest.mark.parametrize("strategy", list(Strategy))
def test_scores_come_after_each_budget_and_do_not_depend_on_luck(
    small: ModuleType, strategy: Strategy
) -> None:
    pool, test = rows(small, 200), rows(small, 300, seed=1)
    points = list(small.simulate(strategy, pool, {"devtest": test}, seed=5))
    assert [point.labels for point in points] == [20, 40, 80]
    assert points[-1].scores["devtest"] > 0.75  # classes lie two standard deviations apart
    assert points == list(small.simulate(strategy, pool, {"devtest": test}, seed=5))


def test_articles_set_apart_are_not_in_the_pool(benchmark: ModuleType) -> None:
    rest, held_out = benchmark.set_apart(rows(benchmark, 300), seed=2)
    assert not set(rest.articles) & set(held_out.articles)
    assert len(rest) + len(held_out) == 300
    assert 40 < len(held_out) < 80


def test_random_labels_needed_by_hand(small: ModuleType) -> None:
    random, mixed = np.array([0.5, 0.6, 0.7]), np.array([0.6, 0.65, 0.71])
    assert small.random_labels_needed(random, mixed) == ["40", "60", "> 80"]  # sqrt(40 * 80) = 56.6


def test_tables_count_wins_and_held_intervals(small: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = {"random": [0.5, 0.6], "mixed": [0.55, 0.58], "uncertain": [0.5, 0.7]}
    points = [
        small.Point(strategy, seed, labels, dict.fromkeys(small.PLACES, own[seed]))
        for strategy, own in scores.items()
        for seed in (0, 1)
        for labels in small.BUDGETS
    ]
    table = list(small.curve_table(points))
    assert "| devtest | mixed | 0.565 (1/2) | 0.565 (1/2) | 0.565 (1/2) |" in table
    assert "| held-out | uncertain | 0.600 (1/2) | 0.600 (1/2) | 0.600 (1/2) |" in table
    monkeypatch.setattr(small, "FORECAST_ROWS", (200,))
    monkeypatch.setattr(small, "MORE", (100,))
    found = [small.Forecast(200, 100, 0.02, low, 0.03, 0.015, 0.01) for low in (0.01, 0.018)]
    assert list(small.forecast_table(found))[2:] == [
        "| 200 | +100 | 0.015 ± 0.010 | 0.020 | 0.014 to 0.030 | 1 of 2 |"
    ]


def test_the_plot_is_small_and_its_words_are_text(small: ModuleType, tmp_path: Path) -> None:
    points = [
        small.Point(strategy, seed, labels, dict.fromkeys(small.PLACES, 0.5 + labels / 1000 + seed / 100))
        for strategy in small.STYLES
        for seed in (0, 1)
        for labels in small.BUDGETS
    ]
    small.plot(points, tmp_path / "images" / "a.svg")
    drawn = (tmp_path / "images" / "a.svg").read_text()
    for words in ("macro-F1", "labelled rows", *small.STYLES, "2 seeds"):
        assert words in drawn
    assert len(drawn) < 60_000
    small.plot(points, tmp_path / "b.svg")
    assert (tmp_path / "b.svg").read_text() == drawn
