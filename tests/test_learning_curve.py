"""Learning curves: the law against scipy's fit, scores that cannot peek, intervals that hold what is true."""

import numpy as np
import pytest
from scipy.optimize import curve_fit

from partystance.commands.suggest import worth_lines
from partystance.learning_curve import LearningCurve, fit_power_law, measure_curve, power_law, too_few
from partystance.light import LightClassifier
from partystance.schema import LABELS

SIZES = np.array([50, 100, 200, 400, 800, 1600])


def law(n, limit=0.75, slope=1.2, exponent=0.4):
    return limit - slope * np.asarray(n, dtype=float) ** -exponent


def curve(noise: float, seed: int = 0, **parameters: float) -> LearningCurve:
    rng = np.random.default_rng(seed)
    draws = law(SIZES, **parameters) + rng.normal(0, noise, size=(200, len(SIZES)))
    return LearningCurve(SIZES.astype(float), law(SIZES, **parameters), draws, 2000)


def test_the_law_looks_ahead_as_scipys_least_squares_does() -> None:
    rng = np.random.default_rng(0)
    curves = law(SIZES) + rng.normal(0, 0.004, size=(20, len(SIZES)))
    ours = power_law(fit_power_law(SIZES, curves), 3000)
    for scores, found in zip(curves, ours, strict=True):
        (a, b, c), _ = curve_fit(
            law, SIZES, scores, p0=(0.8, 1, 0.5), bounds=((0, 0, 0.05), (1, 50, 1.5)), max_nfev=5000
        )
        assert found == pytest.approx(law(3000, a, b, c), abs=0.002)


@pytest.mark.parametrize("exponent", [0.1, 0.3, 0.7, 1.2])
def test_an_exact_law_is_found_again(exponent: float) -> None:
    found = power_law(fit_power_law(SIZES, law(SIZES, exponent=exponent, slope=0.9)[None]), 5000)
    assert found == pytest.approx(law(5000, exponent=exponent, slope=0.9), abs=0.003)


def test_more_labels_never_make_it_worse_and_never_better_than_perfect() -> None:
    falling, steep = np.linspace(0.6, 0.5, 6), np.linspace(0.1, 0.99, 6)
    laws = fit_power_law(SIZES, np.stack([falling, steep]))
    assert power_law(laws, 10**6)[0] == pytest.approx(power_law(laws, 10)[0])
    assert power_law(laws, 10**9)[1] <= 1


def test_gain_and_its_interval_hold_what_is_true() -> None:
    gain, level = curve(0.01).gain(1000), curve(0.01).level()
    true = law(3000) - law(2000)
    assert gain.low is not None
    assert gain.high is not None
    assert gain.low < true < gain.high
    assert gain.value == pytest.approx(true, abs=0.002)
    assert level.value == pytest.approx(law(2000), abs=0.002)
    narrow = curve(0.001).gain(1000)
    assert narrow.high - narrow.low < (gain.high - gain.low) / 2  # type: ignore[operator]


def rows(n: int, articles: int, seed: int = 0):
    """Labels that two of twenty features give away, with noise; rows of an article in a row."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=n)
    features = rng.normal(size=(n, 20))
    features[:, 0] += 1.5 * (labels - 1)
    features[:, 1] += 1.5 * (labels == 1)
    return features, labels, [f"a{row * articles // n}" for row in range(n)]


def test_a_measured_curve_rises_and_repeats_itself() -> None:
    features, labels, articles = rows(240, 60)
    measured = measure_curve(features, labels, articles, seed=1)
    assert measured.sizes.tolist() == [12, 20, 36, 63, 110, 192]
    assert measured.scores[-1] > measured.scores[0] + 0.05
    assert measured.draws.shape == (1000, 6)
    assert np.abs(measured.draws.mean(0) - measured.scores).max() < 0.03
    again = measure_curve(features, labels, articles, seed=1)
    assert again.draws.tolist() == measured.draws.tolist()


def test_a_row_is_never_scored_by_what_learnt_from_its_article() -> None:
    rng = np.random.default_rng(0)
    article = np.repeat(np.arange(40), 6)
    labels = rng.integers(3, size=40)[article]
    features = np.eye(40)[article]  # says which article, and nothing else
    assert (LightClassifier.fit(features, labels).predict(features) == labels).all()
    measured = measure_curve(features, labels, [str(a) for a in article], seed=0)
    assert measured.scores[-1] < 0.4


def test_probabilities_keep_their_columns_when_a_class_is_missing() -> None:
    features, labels, _ = rows(60, 60)
    seen = labels != 1
    classifier = LightClassifier.fit(features[seen], labels[seen])
    probabilities = classifier.predict_proba(features)
    assert probabilities[:, 1].tolist() == [0] * 60
    assert probabilities.sum(1) == pytest.approx(np.ones(60))
    assert set(classifier.predict(features)) == {0, 2}
    assert (classifier.predict(features[seen]) == labels[seen]).mean() > 0.8


@pytest.mark.parametrize(
    ("labels", "articles", "reason"),
    [
        (list(LABELS) * 66, 100, "198 labelled rows; it takes 200"),
        (list(LABELS) * 100, 19, "labelled rows of 19 articles; it takes 20"),
        (["neutral"] * 300 + ["support"] * 50 + ["criticize"] * 19, 100, "19 rows of criticize; it takes 20"),
        (["neutral"] * 300 + ["support"] * 50, 100, "0 rows of criticize; it takes 20"),
        (list(LABELS) * 67, 20, ""),
    ],
)
def test_what_a_curve_lacks_is_said(labels: list[str], articles: int, reason: str) -> None:
    assert too_few(labels, [f"a{row % articles}" for row in range(len(labels))]) == reason


@pytest.mark.parametrize(
    ("parameters", "noise", "verdict"),
    [
        ({"slope": 9, "exponent": 0.5}, 0.001, "300 more labels should bring a point or more."),
        ({"slope": 0}, 0.0001, "Even 1000 more labels like these should bring less than a point"),
        ({"slope": 1, "exponent": 0.3}, 0.02, "Not sure: 1000 more labels may bring a point, or less."),
    ],
)
def test_the_verdict_goes_by_the_interval(parameters: dict[str, float], noise: float, verdict: str) -> None:
    lines = worth_lines(curve(noise, **parameters))
    assert verdict in lines[-1]
    assert "2000 labels" in lines[1]
    assert [line.split()[0] for line in lines[2:5]] == ["+100", "+300", "+1000"]
