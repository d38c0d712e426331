"""Thresholds: the best there are on the rows they are fitted to, as decisions that metric and CSV read alike."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from harness.data.targets import Multilabel, Ordinal, Regression
from harness.ensembles.thresholds import GradeCuts, LabelThresholds, fit_cuts, fit_labels
from harness.recipes import Blend, Calibrated, Thresholded
from harness.scoring.metrics import METRICS
from harness.utils.errors import UserError
from tests.conftest import declared

SEEDS = st.integers(0, 10**6)


def rare(seed: int, n: int, labels: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (n, labels) float32 that know rare labels more or less well; these."""
    random = np.random.default_rng(seed)
    true = (random.random((n, labels)) < 0.25).astype(np.int8)
    logits = 2 * true - 2.5 + random.normal(0, 1.2, true.shape)
    return (1 / (1 + np.exp(-logits))).round(3).astype(np.float32), true


def f1(true: np.ndarray, given: np.ndarray) -> float:
    """By the definition, on cells of any shape."""
    precise, recalled = (true[given.astype(bool)] == 1).sum(), (true == 1).sum()
    return 2 * precise / (given.sum() + recalled) if given.sum() + recalled else 0.0


@given(SEEDS)
def test_micro_f1_is_the_best_of_all_thresholds(seed: int):
    p, true = rare(seed, 7, 2)
    places = [np.append(np.unique(column), 1.1) for column in p.T]
    best_each = max(f1(true, p >= np.array(pair)) for pair in itertools.product(*places))
    best_common = max(f1(true, p >= t) for t in np.append(np.unique(p), 1.1))
    for per_label, best in ((True, best_each), (False, best_common)):
        values = fit_labels(p, true, METRICS["micro_f1"], per_label, False)
        found = LabelThresholds(values)(p[None]).astype(np.float32)
        assert METRICS["micro_f1"].score(true, found) == pytest.approx(best, abs=1e-12)
        assert ((found >= 0.5) == (p >= values)).all()


@given(SEEDS)
def test_macro_f1_is_the_best_of_each_label_and_others_are_near_theirs(seed: int):
    p, true = rare(seed, 40, 3)
    each = [max(f1(y, q >= t) for t in np.append(np.unique(q), 1.1)) for q, y in zip(p.T, true.T, strict=True)]
    values = fit_labels(p, true, METRICS["macro_f1"], True, False)
    found = METRICS["macro_f1"].score(true, LabelThresholds(values)(p[None]))
    assert found == pytest.approx(np.mean(each), abs=1e-12)
    values = fit_labels(p, true, METRICS["sample_f1"], False, False)
    best = max(np.mean([f1(*row) for row in zip(true, p >= t, strict=True)]) for t in np.unique(p)[::3])
    assert METRICS["sample_f1"].score(true, LabelThresholds(values)(p[None])) >= best - 0.02


@pytest.mark.parametrize("at_least_one", [False, True])
@pytest.mark.parametrize("metric", ["sample_f1", "macro_f1", "micro_f1"])
def test_a_common_threshold_is_found_where_labels_are_rare(metric: str, at_least_one: bool):
    random = np.random.default_rng(3)
    true = np.zeros((150, 300), np.int8)
    for row in true:
        row[random.choice(300, random.integers(1, 4), replace=False)] = 1
    logits = np.where(true, random.normal(0.5, 1.5, true.shape), random.normal(-9, 1.8, true.shape))
    p = (1 / (1 + np.exp(-logits))).astype(np.float32)
    judge = METRICS[metric]

    def score(threshold: float) -> float:
        return judge.score(true, LabelThresholds(np.full(300, threshold), at_least_one)(p[None]))

    best = max(score(threshold) for threshold in np.linspace(0.01, 0.99, 99))
    (found,) = {*fit_labels(p, true, judge, False, at_least_one).tolist()}
    assert score(found) >= max(score(0.5), best - 0.01)


def test_a_label_that_is_better_never_given_is_not_given_for_certainty():
    p, true = np.array([[1.0, 0.8], [0.2, 0.1]], np.float32), np.array([[0, 1], [0, 0]])
    values = fit_labels(p, true, METRICS["micro_f1"], True, False)
    assert ((LabelThresholds(values)(p[None]) >= 0.5) == true).all()


@pytest.mark.parametrize("per_label", [True, False])
def test_a_label_that_is_better_always_given_is_given_where_it_is_impossible(per_label: bool):
    p, true = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], np.float32), np.array([[1, 1], [0, 1], [1, 1]])
    values = fit_labels(p, true, METRICS["micro_f1"], per_label, False)
    assert (LabelThresholds(values)(p[None]) >= 0.5).all()


def test_at_least_one_label():
    p = np.array([[0.1, 0.2, 0.05], [0.9, 0.1, 0.6]], np.float32)
    found = LabelThresholds(np.array([0.5, 0.5, 0.5]), at_least_one=True)(p[None])
    assert ((found >= 0.5) == [[False, True, False], [True, False, True]]).all()
    assert (LabelThresholds(np.array([0.5, 0.5, 0.5]))(p[None])[0] < 0.5).all()


@given(SEEDS)
@example(1777)  # two expected grades differ by rounding alone
def test_cuts_never_worsen_kappa_and_the_decision_is_the_most_probable_grade(seed: int):
    random = np.random.default_rng(seed)
    true = random.choice(5, 120, p=(0.5, 0.1, 0.25, 0.05, 0.1))
    logits = -0.8 * np.abs(np.arange(5) - true[:, None] - random.normal(0, 1.0, (120, 1)))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    kappa = METRICS["quadratic_weighted_kappa"]
    cuts = fit_cuts(p, true, kappa)
    found = GradeCuts(cuts)(p[None])
    assert (np.diff(cuts) >= 0).all() and np.allclose(found.sum(axis=1), 1)
    grades = np.searchsorted(cuts, p @ np.arange(5), side="right")
    assert (found.argmax(axis=1) == grades).all()
    wanted = cohen_kappa_score(true, grades, weights="quadratic", labels=range(5))
    assert kappa.score(true, found) == pytest.approx(wanted, abs=1e-9)
    rounded = np.rint(p @ np.arange(5)).astype(int)
    assert wanted >= cohen_kappa_score(true, rounded, weights="quadratic", labels=range(5)) - 1e-9


def test_what_is_not_decided_by_thresholds_is_refused():
    for targets, metric in ((Multilabel(), "log_loss"), (Ordinal(), "log_loss")):
        with pytest.raises(UserError, match=r"log loss of .* targets is not decided by thresholds"):
            Thresholded(of="a").check(declared(targets=targets, metric=metric))
    with pytest.raises(UserError, match="per_label must be False for ordered classes"):
        Thresholded(of="a", per_label=True).check(declared(targets=Ordinal(), metric="quadratic_weighted_kappa"))
    with pytest.raises(UserError, match="per_label must be False for mean F1 per image"):
        Thresholded(of="a", per_label=True).check(declared(targets=Multilabel(), metric="sample_f1"))
    Thresholded(of="a", per_label=True).check(declared(targets=Multilabel(), metric="macro_f1"))


def test_what_a_number_has_not_is_refused():
    board = declared(targets=Regression(), metric="rmse")
    with pytest.raises(UserError, match="a number has no probability"):
        Calibrated(of="a").check(board)
    with pytest.raises(UserError, match="how must be 'mean' for regression targets"):
        Blend(of=("a", "b"), how="rank").check(board)
    Blend(of=("a", "b")).check(board)


def test_a_probability_just_below_its_threshold_is_not_rounded_up_to_it():
    values = np.array([0.7, 0.3, 0.9])
    just_below = np.nextafter(values, 0)
    found = LabelThresholds(values)(np.stack([just_below, values])[None]).astype(np.float32)
    assert ((found >= 0.5) == [[False] * 3, [True] * 3]).all()


def test_a_cut_that_is_reached_counts_and_the_order_of_the_other_grades_is_left():
    p = np.array([[0.5, 0.5, 0.0], [0.5, 0.2, 0.3]])
    found = GradeCuts(np.array([0.5, 1.5]))(p[None])
    assert found.argmax(axis=1).tolist() == [1, 1]
    assert found[1, 0] > found[1, 2] > 0
