"""Choosing rows: hand counts, blobs whose number is known, and caps against a walk by hand."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partystance.selection import (
    Cap,
    diverse_order,
    mixed_order,
    random_order,
    take,
    uncertain_order,
    uncertainty,
)

CENTRES = np.array([[0, 0], [100, 0], [0, 100], [100, 100], [50, 300]])


def blobs(sizes: list[int], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points around far-away centres, shuffled, and which centre each belongs to."""
    rng = np.random.default_rng(seed)
    home = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    return CENTRES[home] + rng.normal(size=(len(home), 2)), home


def test_uncertainty_is_what_the_two_likeliest_leave_between_them() -> None:
    probabilities = np.array([[1.0, 0.0, 0.0], [0.5, 0.0, 0.5], [0.2, 0.7, 0.1], [1 / 3, 1 / 3, 1 / 3]])
    assert uncertainty(probabilities) == pytest.approx([0.0, 1.0, 0.5, 1.0])


def test_uncertain_rows_come_first_and_equals_in_an_order_of_the_seed() -> None:
    uncertain = np.array([0.1, 0.9, 0.5, 0.5, 0.5, 0.5, 0.0])
    orders = {tuple(uncertain_order(uncertain, seed).tolist()) for seed in range(20)}
    assert all((order[0], order[-2:]) == (1, (0, 6)) for order in orders)
    assert len(orders) > 5


@pytest.mark.parametrize("seed", range(5))
def test_as_many_rows_as_blobs_are_one_of_each_the_largest_first(seed: int) -> None:
    features, home = blobs([40, 5, 80, 20, 10], seed)
    order = diverse_order(features, 5, seed)
    assert home[order[:5]].tolist() == [2, 0, 3, 4, 1]
    assert sorted(order.tolist()) == list(range(len(home)))
    chosen = [np.linalg.norm(features[row] - features[home == home[row]].mean(0)) for row in order[:5]]
    nearest = [np.linalg.norm(features[home == b] - features[home == b].mean(0), axis=1).min() for b in home]
    assert max(chosen) < max(nearest) + 0.5  # from the middle of a blob, not its edge


def test_the_scale_of_a_feature_does_not_decide_what_is_unlike() -> None:
    features, home = blobs([20, 20, 20, 20])
    order = diverse_order(features * [1000, 0.001], 4, seed=1)
    assert set(home[order[:4]]) == {0, 1, 2, 3}


@pytest.mark.parametrize("seed", range(5))
def test_mixed_takes_unsure_rows_of_every_kind_and_no_sure_ones(seed: int) -> None:
    features, home = blobs([30, 30, 30, 400], seed)
    unsure, sure = [0.4, 0.3, 0.3], [0.98, 0.01, 0.01]
    probabilities = np.array([sure if blob == 3 else unsure for blob in home])
    order = mixed_order(probabilities, features, 6, seed)
    assert set(home[order[:6]]) == {0, 1, 2}
    assert sorted(order.tolist()) == list(range(len(home)))
    plain = home[uncertain_order(uncertainty(probabilities), seed)[:6]]
    assert max(Counter(home[order[:6]]).values()) <= max(Counter(plain).values())


def test_a_row_weighs_as_much_as_its_uncertainty() -> None:
    features, home = blobs([10, 40])
    weights = np.where(home == 0, 1.0, 0.01)
    assert home[diverse_order(features, 2, 0)[0]] == 1
    assert home[diverse_order(features, 2, 0, weights)[0]] == 0


def test_no_weight_at_all_counts_as_all_the_same() -> None:
    features, _ = blobs([10, 40])
    assert diverse_order(features, 2, 0, np.zeros(50)).tolist() == diverse_order(features, 2, 0).tolist()


def test_the_same_seed_chooses_the_same_and_another_seed_something_else() -> None:
    features, _ = blobs([50, 50, 50])
    probabilities = np.random.default_rng(3).dirichlet([1, 1, 1], size=150)
    for order in (
        lambda seed: random_order(150, seed),
        lambda seed: diverse_order(features, 20, seed),
        lambda seed: mixed_order(probabilities, features, 10, seed),
    ):
        assert order(1).tolist() == order(1).tolist()
        assert order(1).tolist() != order(2).tolist()


def test_more_rows_than_there_are_is_all_of_them() -> None:
    features, _ = blobs([3, 3])
    probabilities = np.full((6, 3), 1 / 3)
    assert sorted(mixed_order(probabilities, features, 50, 0).tolist()) == list(range(6))
    assert sorted(diverse_order(features, 6, 0).tolist()) == list(range(6))


def test_caps_by_hand() -> None:
    articles, sentences = list("aaabbc"), [1, 1, 2, 3, 3, 4]
    assert take([0, 1, 2, 3, 4, 5], 6, [Cap(articles, 2)]) == [0, 1, 3, 4, 5]
    assert take([0, 1, 2, 3, 4, 5], 6, [Cap(articles, 2), Cap(sentences, 1)]) == [0, 2, 3, 5]
    assert take([5, 0, 1], 2) == [5, 0]


@given(
    keys=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), max_size=40),
    most=st.tuples(st.integers(1, 4), st.integers(1, 3)),
    n=st.integers(0, 30),
    seed=st.integers(0, 100),
)
def test_no_cap_is_broken_and_no_row_passed_over_without_need(
    keys: list[tuple[int, int]], most: tuple[int, int], n: int, seed: int
) -> None:
    caps = [Cap([key[place] for key in keys], most[place]) for place in (0, 1)]
    order = random_order(len(keys), seed).tolist()
    taken = take(order, n, caps)
    assert taken == [row for row in order if row in set(taken)]
    assert len(taken) <= n
    for cap in caps:
        assert max(Counter(cap.keys[row] for row in taken).values(), default=0) <= cap.most
    reached = order if len(taken) < n else order[: order.index(taken[-1]) + 1] if taken else []
    for row in set(reached) - set(taken):
        before = [other for other in taken if order.index(other) < order.index(row)]
        assert any(sum(cap.keys[o] == cap.keys[row] for o in before) == cap.most for cap in caps)
