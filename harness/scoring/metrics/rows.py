"""Metrics that are means over rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from harness.data.targets.links import CLIP
from harness.scoring.metrics.metric import RowMetric

Array = np.ndarray


def in_top(labels: Array, probabilities: Array, k: int) -> Array:
    """For each row, whether the true class is among the ``k`` most probable ones: 1.0 or 0.0.

    Of equal probabilities the lower class number comes first, as in ``argmax``, so a constant prediction is not always
    right.
    """
    return (_ahead(labels, probabilities) < k).astype(np.float64)


def _ahead(labels: Array, probabilities: Array) -> Array:
    """For each row, how many classes come before the true one: (n,) int."""
    true_probability = np.take_along_axis(probabilities, labels[:, None], axis=1)
    classes = np.arange(probabilities.shape[1])
    is_ahead = (probabilities > true_probability) | ((probabilities == true_probability) & (classes < labels[:, None]))
    return is_ahead.sum(axis=1)


def _log_loss(labels: Array, probabilities: Array) -> Array:
    true_probability = np.take_along_axis(probabilities, labels[:, None], axis=1)[:, 0].astype(np.float64)
    total = probabilities.sum(axis=1, dtype=np.float64)
    shares = true_probability / np.where(total > 0, total, 1)  # a row of zeros is as wrong as can be
    return -np.log(np.clip(shares, CLIP, 1 - CLIP))


ACCURACY = RowMetric(
    name="accuracy",
    title="accuracy",
    higher_is_better=True,
    judges="classes",
    proportion=True,
    rows=lambda y, p: in_top(y, p, 1),
)
ERROR = RowMetric(
    name="error",
    title="top-1 error",
    higher_is_better=False,
    judges="classes",
    proportion=True,
    rows=lambda y, p: 1.0 - in_top(y, p, 1),
)
LOG_LOSS = RowMetric(
    name="log_loss",
    title="log loss",
    higher_is_better=False,
    judges="probabilities",
    high=float(-np.log(CLIP)),
    rows=_log_loss,
)
# With one label a row and one predicted, every mistake is one false positive and one false negative: accuracy.
MICRO_F1 = replace(ACCURACY, name="micro_f1", title="micro F1")


def average_precision_at(k: int) -> RowMetric:
    """MAP@k with one true class a row: 1 / (its place among the first k), else 0. A class of probability 0 is unlisted.

    Source: the evaluation pages of Kaggle's "Mean Average Precision @ k".
    """

    def rows(labels: Array, probabilities: Array) -> Array:
        place = _ahead(labels, probabilities) + 1
        is_listed = np.take_along_axis(probabilities, labels[:, None], axis=1)[:, 0] > 0
        return np.where(is_listed & (place <= k), 1 / place, 0.0)

    return RowMetric(name=f"map@{k}", title=f"MAP@{k}", higher_is_better=True, judges="ranking", rows=rows)


def top(k: int) -> RowMetric:
    """The share of rows whose true class is among the k most probable ones."""
    return RowMetric(
        name=f"top{k}_accuracy",
        title=f"top-{k} accuracy",
        higher_is_better=True,
        judges="ranking",
        proportion=True,
        rows=lambda y, p: in_top(y, p, k),
    )
