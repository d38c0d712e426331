"""Metrics of whole sets agree with scikit-learn or with their formula, and so do their bootstrap draws."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, f1_score, roc_auc_score

from harness.scoring.metrics import METRICS, SetMetric, own_metric, resampling
from harness.scoring.metrics.resampling import resample
from harness.utils.errors import UserError

Array = np.ndarray


def case(seed: int, n: int, classes: int, levels: int) -> tuple[Array, Array]:
    """Labels of which each class is one at least, and probabilities that are rounded, so that there are ties."""
    random = np.random.default_rng(seed)
    labels = random.permutation(np.concatenate([np.arange(classes), random.integers(0, classes, n)]))
    probabilities = np.round(random.dirichlet(np.ones(classes), len(labels)) * levels) + 1
    return labels, probabilities / probabilities.sum(axis=1, keepdims=True)


CASES = st.builds(case, st.integers(0, 10**6), st.integers(2, 60), st.integers(2, 6), st.sampled_from([2, 10, 10**6]))
PAIRS = st.builds(case, st.integers(0, 10**6), st.integers(2, 60), st.just(2), st.sampled_from([2, 10, 10**6]))
OF_CLASSES = [metric for metric in METRICS.values() if "multiclass" in metric.kinds]
SET_METRICS = [metric for metric in OF_CLASSES if isinstance(metric, SetMetric)]


def pairs_won(labels: Array, values: Array) -> float:
    """AUC by its definition: every positive against every negative."""
    positives, negatives = values[labels == 1], values[labels == 0]
    won = [(a > b) + 0.5 * (a == b) for a, b in itertools.product(positives, negatives)]
    return float(np.mean(won))


def kappa(labels: Array, grades: Array, count: int) -> float:
    """1 - ΣwO / ΣwE, from the tables."""
    observed = np.zeros((count, count))
    for pair in zip(labels, grades, strict=True):
        observed[pair] += 1
    expected = np.outer(observed.sum(axis=1), observed.sum(axis=0)) / len(labels)
    weights = (np.arange(count)[:, None] - np.arange(count)) ** 2 / (count - 1) ** 2
    return float(1 - (weights * observed).sum() / (weights * expected).sum())


@given(PAIRS)
def test_auc_is_the_share_of_pairs_in_the_right_order(found):
    labels, probabilities = found
    score = METRICS["auc"].score(labels, probabilities)
    assert score == pytest.approx(pairs_won(labels, np.round(probabilities[:, 1], 12)), abs=1e-12)
    assert score == pytest.approx(roc_auc_score(labels, np.round(probabilities[:, 1], 12)), abs=1e-12)
    assert METRICS["auc"].score(labels, np.full_like(probabilities, 0.5)) == 0.5


def test_auc_tells_values_near_one_apart():
    labels, small = np.array([0, 0, 1, 1]), np.array([1e-9, 1e-10, 1e-11, 1e-12], np.float32)
    assert METRICS["auc"].score(labels, np.stack([small, np.float32(1) - small], axis=1)) == 1


@given(CASES)
def test_mean_column_auc_is_that_of_scikit_learn(found):
    labels, probabilities = found
    indicators = np.eye(probabilities.shape[1])[labels]
    wanted = roc_auc_score(indicators, probabilities, average="macro")
    assert METRICS["mean_column_auc"].score(labels, probabilities) == pytest.approx(wanted, abs=1e-12)


def test_a_column_without_both_classes_is_left_out_of_the_mean():
    labels, probabilities = case(0, 30, 3, 10)
    wider = np.concatenate([probabilities, np.zeros((len(labels), 1))], axis=1)
    metric = METRICS["mean_column_auc"]
    assert metric.score(labels, wider) == metric.score(labels, probabilities)


@given(CASES)
def test_f1_is_that_of_scikit_learn(found):
    labels, probabilities = found
    predicted = probabilities.argmax(axis=1)
    wanted = f1_score(labels, predicted, average="macro", zero_division=0)
    assert METRICS["macro_f1"].score(labels, probabilities) == pytest.approx(wanted, abs=1e-12)
    assert METRICS["micro_f1"].score(labels, probabilities) == pytest.approx(
        f1_score(labels, predicted, average="micro"), abs=1e-12
    )


def test_macro_f1_counts_a_class_that_is_predicted_alone_and_leaves_out_one_that_is_nowhere():
    labels, predicted = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 2])
    assert METRICS["macro_f1"].score(labels, np.eye(4)[predicted]) == pytest.approx((1 + 2 / 3 + 0) / 3)


@given(CASES)
def test_kappa_is_that_of_scikit_learn_and_of_the_tables(found):
    labels, probabilities = found
    count, grades = probabilities.shape[1], probabilities.argmax(axis=1)
    score = METRICS["quadratic_weighted_kappa"].score(labels, probabilities)
    wanted = cohen_kappa_score(labels, grades, weights="quadratic", labels=range(count))
    assert score == pytest.approx(wanted, abs=1e-12)
    assert score == pytest.approx(kappa(labels, grades, count), abs=1e-12)


def test_a_grade_that_nobody_uses_still_counts_as_a_step():
    labels, grades = np.array([0, 1, 4, 4]), np.array([0, 4, 4, 1])
    score = METRICS["quadratic_weighted_kappa"].score(labels, np.eye(5)[grades])
    assert score == pytest.approx(0.294, abs=5e-4)
    assert METRICS["quadratic_weighted_kappa"].score(labels, np.eye(5)[[2] * 4]) == 0


@given(PAIRS)
def test_probabilistic_f1_is_its_formula_and_f1_of_certain_predictions(found):
    labels, probabilities = found
    metric, values = METRICS["probabilistic_f1"], probabilities[:, 1]
    hits, false = values[labels == 1].sum(), values[labels == 0].sum()
    precision, recall = hits / (hits + false), hits / (labels == 1).sum()
    assert metric.score(labels, probabilities) == pytest.approx(2 * precision * recall / (precision + recall))
    certain = np.eye(2)[probabilities.argmax(axis=1)]
    assert metric.score(labels, certain) == pytest.approx(f1_score(labels, certain[:, 1], zero_division=0))


@given(CASES, st.sampled_from([3, 5, 10]))
def test_map_is_one_over_the_place_in_the_list(found, k):
    labels, probabilities = found
    wanted = []
    for label, row in zip(labels, probabilities, strict=True):
        listed = sorted(range(len(row)), key=lambda number, row=row: (-row[number], number))[:k]
        wanted.append(1 / (listed.index(label) + 1) if label in listed else 0.0)
    assert METRICS[f"map@{k}"].score(labels, probabilities) == pytest.approx(np.mean(wanted))


def test_a_class_of_probability_zero_is_not_in_the_list():
    assert METRICS["map@3"].score(np.array([2]), np.array([[1.0, 0.0, 0.0]])) == 0


# Intervals and gains.


@pytest.mark.parametrize("metric", OF_CLASSES, ids=lambda metric: metric.name)
def test_scores_are_in_the_range_and_inside_their_interval(metric):
    labels, probabilities = case(1, 80, metric.classes or 4, 10**6)
    found = metric.interval(labels, probabilities)
    assert metric.low <= found.low <= found.score <= found.high <= metric.high
    assert found.score == pytest.approx(metric.score(labels, probabilities), abs=1e-12)
    assert metric.interval(labels, probabilities) == found


@pytest.mark.parametrize("metric", SET_METRICS, ids=lambda metric: metric.name)
def test_a_draw_scores_as_the_rows_drawn_do(metric):
    """Rows that count twice, or not at all, against rows that are written twice, or left out."""
    labels, probabilities = case(2, 60, metric.classes or 3, 10)
    scorer = metric.scorer(labels, probabilities)
    random = np.random.default_rng(0)
    for _ in range(20):
        rows = random.integers(0, len(labels), len(labels))
        drawn = np.bincount(rows, minlength=len(labels))
        assert scorer(drawn) == pytest.approx(metric.score(labels[rows], probabilities[rows]), abs=1e-12)


@pytest.mark.parametrize("metric", OF_CLASSES, ids=lambda metric: metric.name)
def test_a_gain_is_paired_and_points_upwards(metric):
    labels, probabilities = case(3, 150, metric.classes or 12, 10**6)
    better = 0.9 * probabilities + 0.1 * np.eye(probabilities.shape[1])[labels]
    found, back = metric.gain(labels, better, probabilities), metric.gain(labels, probabilities, better)
    sign = 1 if metric.higher_is_better else -1
    wanted = sign * (metric.score(labels, better) - metric.score(labels, probabilities))
    assert found.score == pytest.approx(wanted) and found.score > 0
    # The same up to the draws: values are drawn by how often each occurs, in ascending order.
    noise = 0.1 * (found.high - found.low)
    assert (back.low, back.high) == (pytest.approx(-found.high, abs=noise), pytest.approx(-found.low, abs=noise))
    same = metric.gain(labels, better, better * (1 + 1e-12))
    assert (same.low, same.score, same.high) == (0, 0, 0)


@pytest.mark.parametrize("metric", OF_CLASSES, ids=lambda metric: metric.name)
def test_rows_that_come_in_groups_of_copies_know_less_than_so_many_rows(metric):
    labels, probabilities = case(4, 60, metric.classes or 12, 10**6)
    copies = np.repeat(np.arange(len(labels)), 8)
    wide = metric.interval(labels[copies], probabilities[copies], copies)
    narrow = metric.interval(labels[copies], probabilities[copies])
    assert wide.score == pytest.approx(narrow.score)
    assert 2 < (wide.high - wide.low) / (narrow.high - narrow.low) < 4  # √8 = 2.8


def test_the_auc_interval_covers_the_truth_about_as_often_as_it_says():
    """Two normal distributions one standard deviation apart: AUC = Φ(1/√2) = 0.76025."""
    random, inside = np.random.default_rng(5), 0
    for _ in range(40):
        labels = np.arange(60) % 2
        values = 1 / (1 + np.exp(-random.normal(size=60) - labels))
        found = METRICS["auc"].interval(labels, np.stack([1 - values, values], axis=1))
        inside += found.low <= 0.76025 <= found.high
    assert 33 <= inside <= 40


@pytest.mark.parametrize("name", ["auc", "macro_f1", "log_loss", "probabilistic_f1"])
@pytest.mark.parametrize("groups", [None, np.arange(3000) // 3])
def test_the_normal_interval_of_many_rows_is_about_that_of_the_percentiles(monkeypatch, name: str, groups):
    random = np.random.default_rng(0)
    labels = random.integers(2, size=3000)
    values = 1 / (1 + np.exp(-random.normal(size=3000) - labels))
    probabilities, metric = np.stack([1 - values, values], axis=1), METRICS[name]
    few = metric.interval(labels, probabilities, groups)
    monkeypatch.setattr(resampling, "LARGE", 2999)
    many = metric.interval(labels, probabilities, groups)
    assert (few.how, many.how) == ("bootstrap", "normal") and many.score == few.score
    width = few.high - few.low
    # The deviation of 100 draws has an error of 7 %: three of these.
    assert abs(many.high - many.low - width) < 0.22 * width
    assert abs((many.high + many.low) - (few.high + few.low)) < 0.1 * width


def test_draws_without_a_positive_are_drawn_again_and_counted():
    labels = np.zeros(40, int)
    labels[7] = 1
    values = np.linspace(0.1, 0.9, 40)
    found = METRICS["auc"].interval(labels, np.stack([1 - values, values], axis=1))
    # A draw misses the one positive with probability (1 - 1/40)^40 = 0.363: 2,000 kept ones cost 1,140 others.
    assert 950 < found.redrawn < 1350
    assert found.score == pytest.approx(7 / 39)


def test_rows_without_a_score_are_refused_by_name():
    labels, probabilities = np.zeros(5, int), np.full((5, 2), 0.5)
    for name in ("auc", "mean_column_auc", "probabilistic_f1", "quadratic_weighted_kappa"):
        with pytest.raises(UserError, match=f"labels of 1 class have no {METRICS[name].title}"):
            METRICS[name].score(labels, probabilities)
    with pytest.raises(UserError, match="have no score"):
        resample(lambda drawn: np.nan, 5)


def test_a_metric_of_two_classes_refuses_three():
    for name in ("auc", "probabilistic_f1"):
        METRICS[name].check(("0", "1"))
        with pytest.raises(UserError, match="needs 2 classes, and the data has 3"):
            METRICS[name].check(("0", "1", "2"))
    METRICS["mean_column_auc"].check(("0", "1", "2"))


# A competitor's own.


def brier(labels: Array, probabilities: Array) -> float:
    return float(((probabilities - np.eye(probabilities.shape[1])[labels]) ** 2).sum(axis=1).mean())


def test_a_function_is_a_metric_under_a_name_that_knows_its_code():
    name = own_metric(brier, title="Brier score", higher_is_better=False)
    assert name.startswith("scoring.brier-") and name == own_metric(brier, title="Brier score", higher_is_better=False)
    metric = METRICS.pop(name)
    labels, probabilities = case(6, 50, 3, 10**6)
    found = metric.interval(labels, probabilities)
    assert found.score == pytest.approx(brier(labels, probabilities)) and found.low < found.score < found.high
    better = 0.5 * probabilities + 0.5 * np.eye(3)[labels]
    assert metric.gain(labels, better, probabilities).low > 0


def test_nothing_warns(recwarn):
    labels, probabilities = case(7, 5, 2, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for metric in OF_CLASSES:
            metric.interval(labels, probabilities)
