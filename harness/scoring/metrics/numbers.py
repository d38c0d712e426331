"""Metrics of a number an image: labels are (n,), predictions (n, 1)."""

from __future__ import annotations

import numpy as np

from harness.scoring.metrics.metric import RowMetric, Scorer, SetMetric

Array = np.ndarray

KINDS = ("regression",)


def _root_mean_square(labels: Array, predictions: Array) -> Scorer:
    squares = (predictions[:, 0].astype(np.float64) - labels) ** 2
    return lambda drawn: float(np.sqrt(drawn @ squares / drawn.sum()))


RMSE = SetMetric(
    name="rmse",
    title="RMSE",
    higher_is_better=False,
    judges="probabilities",
    high=np.inf,
    kinds=KINDS,
    scorer=_root_mean_square,
)
MAE = RowMetric(
    name="mae",
    title="mean absolute error",
    higher_is_better=False,
    judges="probabilities",
    high=np.inf,
    kinds=KINDS,
    rows=lambda labels, predictions: np.abs(predictions[:, 0].astype(np.float64) - labels),
)
