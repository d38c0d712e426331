"""Metrics of several labels and of numbers: equal to scikit-learn or the formula, edge cases, intervals, gains."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    f1_score,
    fbeta_score,
    log_loss,
    mean_absolute_error,
    roc_auc_score,
    root_mean_squared_error,
)

from harness.scoring.metrics import METRICS, weighted_log_loss
from harness.utils.errors import UserError

SEEDS = st.integers(0, 10**6)
LABELS = [
    pytest.param(name, marks=pytest.mark.slow) if name == "weighted_auc" else name
    for name, metric in METRICS.items()
    if "multilabel" in metric.judged
]
NUMBERS = [name for name, metric in METRICS.items() if "regression" in metric.judged]


def labelled(seed: int, n: int = 40, labels: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Labels (n, labels) and probabilities that know them a little; each label has both values, probabilities tie."""
    random = np.random.default_rng(seed)
    true = (random.random((n, labels)) < np.linspace(0.6, 0.1, labels)).astype(np.int8)
    true[0], true[1] = 0, 1
    logits = 1.5 * true - 1 + random.normal(size=true.shape)
    return true, np.clip(1 / (1 + np.exp(-logits)), 0.01, 0.99).round(2)


def measured(seed: int, n: int = 40) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    true = random.normal(50, 20, n)
    return true, (true + random.normal(0, 5, n))[:, None]


def score(name: str, true: np.ndarray, predictions: np.ndarray) -> float:
    return METRICS[name].score(true, predictions)


@given(SEEDS)
@settings(max_examples=15)
def test_labels_score_as_in_scikit_learn(seed: int):
    true, p = labelled(seed)
    given_labels = (p >= 0.5).astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = {
            "micro_f1": f1_score(true, given_labels, average="micro"),
            "macro_f1": f1_score(true, given_labels, average="macro", zero_division=0),
            "sample_f1": f1_score(true, given_labels, average="samples", zero_division=0),
            "micro_f2": fbeta_score(true, given_labels, beta=2, average="micro"),
            "sample_f2": fbeta_score(true, given_labels, beta=2, average="samples", zero_division=0),
            "mean_column_auc": roc_auc_score(true, p, average="macro"),
            "weighted_auc": roc_auc_score(true, p, average="weighted"),
            "log_loss": np.mean([log_loss(y, q, labels=[0, 1]) for y, q in zip(true.T, p.T, strict=True)]),
        }
    for name, value in wanted.items():
        assert score(name, true, p) == pytest.approx(value, abs=1e-12), name
    weighted = METRICS[weighted_log_loss(2, 1, 1, 0)]
    each = [log_loss(y, q, labels=[0, 1]) for y, q in zip(true.T, p.T, strict=True)]
    assert weighted.score(true, p) == pytest.approx(np.average(each, weights=[2, 1, 1, 0]), abs=1e-12)


def test_the_example_of_lists():
    """Truth [1 2], [3 4 5], [6], [7]; predicted [1 2 3 9], [3 4], [6 12], [1]: 0.5333."""
    true, lists = np.zeros((4, 13), np.int8), np.zeros((4, 13))
    for row, (has, got) in enumerate((([1, 2], [1, 2, 3, 9]), ([3, 4, 5], [3, 4]), ([6], [6, 12]), ([7], [1]))):
        true[row, has], lists[row, got] = 1, 1
    assert score("sample_f1", true, lists) == pytest.approx(0.5333, abs=5e-5)
    assert score("micro_f1", true, lists) == pytest.approx(2 * 5 / (7 + 9))


def test_edges_of_labels():
    none, nothing = np.zeros((3, 2), np.int8), np.zeros((3, 2))
    assert (
        score("micro_f1", none, nothing) == score("macro_f1", none, nothing) == score("sample_f1", none, nothing) == 0
    )
    sure = METRICS["log_loss"].score(np.array([[1, 0]]), np.array([[0.0, 0.0]]))
    assert sure == pytest.approx(-np.log(1e-15) / 2, abs=1e-6)
    with pytest.raises(UserError, match="have no mean column AUC"):
        score("mean_column_auc", none, nothing)
    # A label without both values is left out.
    true, p = labelled(3)
    true[:, 0] = 1
    wanted = roc_auc_score(true[:, 1:], p[:, 1:], average="macro")
    assert score("mean_column_auc", true, p) == pytest.approx(wanted, abs=1e-12)


def test_average_precision_with_several_true_labels():
    true = np.array([[1, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]], np.int8)
    ranked = np.array([[4, 3, 2, 1], [4, 3, 2, 1], [4, 3, 2, 1]], float)
    # Hits at 1 and 3 of two: (1 + 2/3) / 2; a hit at 4, beyond 3; nothing to find.
    assert score("map@3", true, ranked) == pytest.approx(((1 + 2 / 3) / 2 + 0 + 0) / 3)
    assert score("map@5", true, ranked) == pytest.approx(((1 + 2 / 3) / 2 + 1 / 4 + 0) / 3)
    assert score("map@3", true[:1], np.array([[0.0, 0, 0, 1]])) == 0  # a label of probability 0 is not listed


@given(SEEDS)
def test_numbers_score_as_in_scikit_learn(seed: int):
    true, predictions = measured(seed)
    assert score("rmse", true, predictions) == pytest.approx(root_mean_squared_error(true, predictions[:, 0]))
    assert score("mae", true, predictions) == pytest.approx(mean_absolute_error(true, predictions[:, 0]))


@pytest.mark.parametrize("name", [*LABELS, *NUMBERS])
def test_intervals_and_gains(name: str):
    metric = METRICS[name]
    case = measured if name in NUMBERS else labelled
    if name.startswith("log_loss_weighted"):  # made by another test
        pytest.skip("its number of labels is its own")
    true, good = case(1, 60)
    bad = good[::-1]
    found = metric.interval(true, good)
    assert found.low <= found.score <= found.high and found.low < found.high
    assert metric.better(metric.score(true, good), metric.score(true, bad))
    gain, loss = metric.gain(true, good, bad), metric.gain(true, bad, good)
    assert gain.score > 0 and gain.low > 0 and loss.score == pytest.approx(-gain.score)
    same = metric.gain(true, good, good)
    assert (same.score, same.low, same.high) == (0, 0, 0)
    # Groups of copies know less than so many rows.
    copies = np.repeat(np.arange(60), 5)
    grouped = metric.interval(true[copies], good[copies], copies)
    alone = metric.interval(true[copies], good[copies])
    assert grouped.high - grouped.low > 1.5 * (alone.high - alone.low)
