"""Metrics agree with scikit-learn, know their direction, and come with an honest interval."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, log_loss, top_k_accuracy_score

from harness.scoring.metrics import METRICS, Metric, bootstrap, in_top


def case(seed: int, n: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.integers(0, classes, n), random.dirichlet(np.ones(classes), n)


CASES = st.builds(case, st.integers(0, 10**6), st.integers(2, 60), st.integers(2, 8))


@given(CASES)
def test_scores_are_those_of_scikit_learn(found):
    labels, probabilities = found
    numbers = np.arange(probabilities.shape[1])
    accuracy = accuracy_score(labels, probabilities.argmax(axis=1))
    assert np.isclose(METRICS["accuracy"].score(labels, probabilities), accuracy)
    assert np.isclose(METRICS["error"].score(labels, probabilities), 1 - accuracy)
    assert np.isclose(METRICS["log_loss"].score(labels, probabilities), log_loss(labels, probabilities, labels=numbers))
    for k in range(1, len(numbers)):
        if len(numbers) > 2:
            wanted = top_k_accuracy_score(labels, probabilities, k=k, labels=numbers)
            assert np.isclose(in_top(labels, probabilities, k).mean(), wanted)


def test_a_certain_mistake_costs_much_but_not_everything():
    rows = METRICS["log_loss"].rows(np.array([0, 1]), np.array([[0.0, 1.0], [0.0, 1.0]], np.float32))
    assert np.isclose(rows[0], -np.log(1e-15)) and np.isclose(rows[1], 0, atol=1e-12)


def test_a_row_of_zeros_is_as_wrong_as_can_be():
    rows = METRICS["log_loss"].rows(np.array([0, 1]), np.array([[0.0, 0.0], [0.2, 0.6]]))
    assert np.allclose(rows, [-np.log(1e-15), -np.log(0.75)])


def test_columns_that_do_not_sum_to_one_are_ordered_by_the_class_asked_for():
    labels, columns = np.array([0, 1, 0, 1]), np.array([[0.0, 0.4], [0.9, 0.6], [0.1, 0.1], [0.8, 0.9]])
    assert METRICS["auc"].score(labels, columns) == 1.0


def test_log_loss_takes_what_does_not_quite_sum_to_one():
    labels, probabilities = case(1, 20, 4)
    rows = METRICS["log_loss"].rows
    assert np.allclose(rows(labels, probabilities * 0.999), rows(labels, probabilities))


def test_ties_go_to_the_lower_class_as_with_argmax():
    even = np.full((4, 4), 0.25)
    labels = np.arange(4)
    assert in_top(labels, even, 1).tolist() == [1, 0, 0, 0]
    assert in_top(labels, even, 3).tolist() == [1, 1, 1, 0]
    assert in_top(labels, even, 5).tolist() == [1, 1, 1, 1]


@given(CASES, st.integers(1, 4))
def test_rank_one_is_argmax_whatever_the_ties(found, levels):
    labels, probabilities = found
    coarse = np.round(probabilities * levels) / levels
    assert np.array_equal(in_top(labels, coarse, 1), coarse.argmax(axis=1) == labels)


def test_each_metric_knows_which_way_is_better():
    assert METRICS["accuracy"].better(0.9, 0.8) and not METRICS["accuracy"].better(0.8, 0.8)
    for name in ("error", "log_loss"):
        assert METRICS[name].better(0.1, 0.2) and not METRICS[name].better(0.2, 0.2)
    labels, probabilities = case(3, 50, 12)
    right = np.eye(12)[labels] * 0.9 + 0.008
    for metric in (each for each in METRICS.values() if "multiclass" in each.kinds):
        assert metric.better(metric.score(labels, right), metric.score(labels, probabilities))


@pytest.mark.parametrize("values", [np.arange(400) % 5 > 0, np.random.default_rng(0).gamma(1, size=300)])
def test_the_interval_is_that_of_the_mean_and_always_the_same(values):
    values = values.astype(float)
    found = bootstrap(values)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert found.score == pytest.approx(values.mean(), rel=1e-12)
    assert np.isclose(found.low, values.mean() - half, atol=0.15 * half)
    assert np.isclose(found.high, values.mean() + half, atol=0.15 * half)
    assert bootstrap(values) == found
    assert bootstrap(np.random.default_rng(1).permutation(values)).score == pytest.approx(found.score)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(2)
    found = [bootstrap((random.random(200) < 0.8).astype(float), seed=i) for i in range(300)]
    assert 0.90 <= np.mean([interval.low <= 0.8 <= interval.high for interval in found]) <= 0.98


def test_a_perfect_score_has_no_width():
    found = bootstrap(np.ones(30))
    assert (found.low, found.score, found.high) == (1, 1, 1)
    assert str(found) == "1.0000 (1.0000 to 1.0000)"


def case_of(metric: Metric, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels and predictions of a kind that a metric judges."""
    random, classes = np.random.default_rng(5), metric.classes or 5
    if "multilabel" in metric.kinds:
        return (random.random((n, classes)) < 0.4).astype(np.int8), random.random((n, classes))
    if "regression" in metric.kinds:
        return random.normal(size=n), random.normal(size=(n, 1))
    return case(5, n, classes)


@pytest.mark.parametrize("name", METRICS)
def test_rows_of_weight_nothing_do_not_count_and_equal_weights_change_nothing(name: str):
    metric = METRICS[name]
    labels, probabilities = case_of(metric, 120)
    plain = metric.weighted(labels, probabilities, np.full(120, 0.3))
    assert plain.score == pytest.approx(metric.score(labels, probabilities), abs=1e-9)
    assert (plain.low, plain.high) == pytest.approx(
        (lambda found: (found.low, found.high))(metric.interval(labels, probabilities)), abs=0.02
    )
    kept = np.arange(120) % 3 > 0
    some = metric.weighted(labels, probabilities, np.where(kept, 2.0, 0.0))
    assert some.score == pytest.approx(metric.score(labels[kept], probabilities[kept]), abs=1e-9)
    doubled = metric.weighted(labels, probabilities, np.where(kept, 2.0, 1.0))
    twice = np.repeat(np.arange(120), np.where(kept, 2, 1))
    assert doubled.score == pytest.approx(metric.score(labels[twice], probabilities[twice]), abs=2e-3)
