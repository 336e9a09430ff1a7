"""Metrics against scikit-learn, hand counts, and what a bootstrap must do."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    f1_score,
    precision_recall_fscore_support,
    recall_score,
)
from sklearn.metrics import confusion_matrix as sklearn_confusion_matrix

from partystance import metrics
from partystance.schema import LABELS

ALL = [0, 1, 2]
pairs = st.lists(st.tuples(st.sampled_from(ALL), st.sampled_from(ALL)), min_size=1, max_size=40)
relaxed = settings(max_examples=40, deadline=None)


def columns(rows: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    true, pred = np.array(rows).T
    return true, pred


@relaxed
@given(pairs)
def test_scores_equal_scikit_learn_whatever_class_is_absent(rows) -> None:
    true, pred = columns(rows)
    expected = {
        "macro_f1": f1_score(true, pred, labels=ALL, average="macro", zero_division=0),
        "accuracy": accuracy_score(true, pred),
        "polar_f1": f1_score(true, pred, labels=[0, 2], average="macro", zero_division=0),
        "average_recall": recall_score(true, pred, labels=ALL, average="macro", zero_division=0),
    }
    assert metrics.scores(true, pred) == pytest.approx(expected)
    assert (metrics.confusion_matrix(true, pred) == sklearn_confusion_matrix(true, pred, labels=ALL)).all()


@relaxed
@given(pairs)
def test_per_class_equals_scikit_learn(rows) -> None:
    true, pred = columns(rows)
    expected = precision_recall_fscore_support(true, pred, labels=ALL, zero_division=0)
    found = metrics.per_class(true, pred, np.arange(len(true)).astype(str), n_resamples=5)
    for index, label in enumerate(LABELS):
        row = found[label]
        assert [row[name].value for name in ("precision", "recall", "f1")] == pytest.approx(
            [expected[i][index] for i in range(3)]
        )
        assert row["f1"].n == expected[3][index]


@relaxed
@given(st.integers(0, 10_000), st.integers(1, 60))
def test_brier_and_calibration_equal_independent_counts(seed, size) -> None:
    random = np.random.default_rng(seed)
    true, p = random.integers(3, size=size), random.dirichlet([1, 1, 1], size=size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of samples of one class
        assert metrics.brier(true, p) == pytest.approx(brier_score_loss(true, p, labels=ALL))
    error = 0.0
    for low in np.linspace(0, 0.9, 10):
        inside = [i for i in range(size) if low < p[i].max() <= low + 0.1]
        if inside:
            confidence = sum(p[i].max() for i in inside) / len(inside)
            hits = sum(p[i].argmax() == true[i] for i in inside) / len(inside)
            error += len(inside) / size * abs(confidence - hits)
    assert metrics.expected_calibration_error(true, p) == pytest.approx(error)


def test_calibration_by_hand() -> None:
    p = [[0.8, 0.1, 0.1], [0.8, 0.1, 0.1], [0.0, 1.0, 0.0]]
    # bin (0.7, 0.8]: confidence 0.8, one of two right; bin (0.9, 1]: confidence 1, right
    assert metrics.expected_calibration_error([0, 1, 1], p) == pytest.approx(2 / 3 * 0.3)
    assert metrics.brier([0, 1, 1], p) == pytest.approx((0.06 + (0.64 + 0.81 + 0.01)) / 3)


@relaxed
@given(pairs, st.randoms(use_true_random=False))
def test_row_order_changes_nothing(rows, random) -> None:
    labelled = [(true, pred, str(place % 5)) for place, (true, pred) in enumerate(rows)]
    shuffled = list(labelled)
    random.shuffle(shuffled)
    results = []
    for some in (labelled, shuffled):
        true, pred, groups = (np.array(column) for column in zip(*some, strict=True))
        p = np.eye(3)[pred]
        results.append(metrics.summary(true, pred, p, groups, n_resamples=20))
    for name, one in results[0].items():
        other = results[1][name]
        assert (one.value, one.n) == (pytest.approx(other.value), other.n)
        assert one.low == pytest.approx(other.low)
        assert one.high == pytest.approx(other.high)


def test_bootstrap_draws_whole_articles() -> None:
    """Two articles, one all right and one all wrong: resampled accuracy is 0, 1/2 or 1."""
    true = np.zeros(200, dtype=int)
    pred = np.repeat([0, 1], 100)
    interval = metrics.cluster_bootstrap(metrics.accuracy, true, pred, np.repeat(["a", "b"], 100))
    assert interval == (0.0, 1.0)
    by_row = metrics.cluster_bootstrap(metrics.accuracy, true, pred, np.arange(200).astype(str))
    assert 0.4 < by_row.low < 0.5 < by_row.high < 0.6


def test_bootstrap_equals_a_plain_one_on_the_rows_themselves() -> None:
    random = np.random.default_rng(5)
    true, pred = random.integers(3, size=90), random.integers(3, size=90)
    groups = random.integers(12, size=90).astype(str)
    names = sorted(set(groups))
    draws = np.random.default_rng(7)
    plain = []
    for _ in range(50):
        chosen = [names[i] for i in draws.integers(len(names), size=len(names))]
        rows = np.concatenate([np.flatnonzero(groups == name) for name in chosen])
        plain.append(f1_score(true[rows], pred[rows], labels=ALL, average="macro", zero_division=0))
    interval = metrics.cluster_bootstrap(metrics.macro_f1, true, pred, groups, 50, 7, 0.9)
    assert interval == pytest.approx(tuple(np.quantile(plain, [0.05, 0.95])))


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(11)
    covered = 0
    for _ in range(150):
        right = random.random((60, 4)) < random.beta(7, 3, size=(60, 1))  # rows of an article are alike
        groups = np.repeat(np.arange(60), 4).astype(str)
        pred = np.where(right.ravel(), 0, 1)
        low, high = metrics.cluster_bootstrap(metrics.accuracy, np.zeros(240, int), pred, groups, 200)
        covered += low <= 0.7 <= high
    assert 0.88 <= covered / 150 <= 0.99


def test_difference_of_a_system_and_itself_is_nothing() -> None:
    random = np.random.default_rng(2)
    true, pred, other = random.integers(3, size=(3, 80))
    groups = random.integers(20, size=80).astype(str)
    same = metrics.paired_difference(metrics.macro_f1, true, pred, pred, groups)
    assert (same.value, same.low, same.high, same.n) == (0, 0, 0, 80)
    there = metrics.paired_difference(metrics.macro_f1, true, pred, other, groups)
    back = metrics.paired_difference(metrics.macro_f1, true, other, pred, groups)
    assert there.value == pytest.approx(
        f1_score(true, pred, average="macro") - f1_score(true, other, average="macro")
    )
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


def test_pairing_makes_the_difference_more_certain_than_two_separate_intervals() -> None:
    random = np.random.default_rng(3)
    true = random.integers(3, size=300)
    pred = np.where(random.random(300) < 0.6, true, (true + 1) % 3)
    better = np.where(random.random(300) < 0.1, true, pred)
    groups = (np.arange(300) // 3).astype(str)
    paired = metrics.paired_difference(metrics.macro_f1, true, better, pred, groups)
    alone = metrics.cluster_bootstrap(metrics.macro_f1, true, pred, groups)
    assert paired.low > 0
    assert paired.high - paired.low < alone.high - alone.low


def test_per_party_table() -> None:
    true = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 1])
    pred = np.array([0, 1, 2, 0, 1, 2, 0, 1, 1, 1, 1, 2])
    parties = ["russia"] * 10 + ["nato"] * 2
    table = metrics.per_party(true, pred, parties, [str(i) for i in range(12)])
    assert list(table) == ["russia", "nato"]
    russia, nato = table.values()
    assert russia["gold"] == {"support": 4, "neutral": 3, "criticize": 3}
    assert russia["accuracy"].value == 0.8
    assert russia["accuracy"].low < 0.8 < russia["accuracy"].high
    assert russia["macro_f1"].value == pytest.approx(f1_score(true[:10], pred[:10], average="macro"))
    assert (nato["n"], nato["accuracy"].value, nato["accuracy"].low) == (2, 0.5, None)
    assert nato["macro_f1"] is None  # no gold row of two classes


def test_a_party_with_all_rows_right_has_no_interval() -> None:
    """Every resample would be all right as well, and [1, 1] would claim a certainty that is not there."""
    rows = np.array([0, 1, 2] * 5)
    party = metrics.per_party(rows, rows, ["nato"] * 15, [str(i) for i in range(15)])["nato"]
    assert (party["accuracy"].value, party["accuracy"].low) == (1.0, None)
    assert (party["macro_f1"].value, party["macro_f1"].high) == (1.0, None)


def test_one_article_gives_no_interval() -> None:
    with pytest.raises(ValueError, match="at least 2 groups"):
        metrics.cluster_bootstrap(metrics.accuracy, [0, 1], [0, 1], ["a", "a"])
    estimate = metrics.summary([0, 1], [0, 1], np.eye(3)[[0, 1]], ["a", "a"])["accuracy"]
    assert (estimate.value, estimate.low, estimate.high) == (1.0, None, None)


@pytest.mark.parametrize(
    ("true", "pred", "message"),
    [
        ([], [], "non-empty"),
        ([0, 1], [0], "equally long"),
        ([0, 3], [0, 1], "class indices"),
        ([0, -1], [0, 1], "class indices"),
        ([0.0, 1.0], [0, 1], "class indices"),
    ],
)
def test_refuses_what_are_no_labels(true, pred, message) -> None:
    with pytest.raises(ValueError, match=message):
        metrics.scores(true, pred)


@pytest.mark.parametrize("p", [[[0.5, 0.5]], [[0.5, 0.6, 0.1]], [[1.5, -0.5, 0]], [[np.nan, 0.5, 0.5]]])
def test_refuses_what_are_no_probabilities(p) -> None:
    with pytest.raises(ValueError, match="probabilities"):
        metrics.brier([0], p)


def test_refuses_groups_of_another_length() -> None:
    with pytest.raises(ValueError, match="2 rows need as many groups"):
        metrics.cluster_bootstrap(metrics.accuracy, [0, 1], [0, 1], ["a"])


def test_class_indices_follow_the_order_of_the_labels() -> None:
    assert metrics.class_indices(["criticize", "support", "neutral"]).tolist() == [2, 0, 1]
    with pytest.raises(ValueError, match="favor"):
        metrics.class_indices(["favor"])
