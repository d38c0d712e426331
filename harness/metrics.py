"""Competition metrics, each with its direction, its per-row form and a bootstrap interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Array = np.ndarray

# Kaggle clips probabilities like this before taking logarithms, so a certain mistake costs a finite 34.5.
CLIP = 1e-15


@dataclass(frozen=True)
class Metric:
    """A score that is a mean over rows.

    Args:
        name: its name in a competition's declaration.
        title: its name for people.
        higher_is_better: the direction.
        rows: (labels (n,), probabilities (n, classes)) to a value for each row (n,); the score is their mean.
        probabilistic: whether it judges how large probabilities are, not only their order within a row.
    """

    name: str
    title: str
    higher_is_better: bool
    rows: Callable[[Array, Array], Array]
    probabilistic: bool = False

    def score(self, labels: Array, probabilities: Array) -> float:
        return float(self.rows(labels, probabilities).mean())

    def better(self, one: float, other: float) -> bool:
        return one > other if self.higher_is_better else one < other


def in_top(labels: Array, probabilities: Array, k: int) -> Array:
    """For each row, whether the true class is among the ``k`` most probable: 1.0 or 0.0.

    Ties go to the lower class number, as ``argmax`` does, so a constant prediction is not always right.
    """
    true = np.take_along_axis(probabilities, labels[:, None], axis=1)
    classes = np.arange(probabilities.shape[1])
    ahead = (probabilities > true) | ((probabilities == true) & (classes < labels[:, None]))
    return (ahead.sum(axis=1) < k).astype(np.float64)


def _log_loss(labels: Array, probabilities: Array) -> Array:
    true = np.take_along_axis(probabilities, labels[:, None], axis=1)[:, 0].astype(np.float64)
    total = probabilities.sum(axis=1, dtype=np.float64)
    return -np.log(np.clip(true / total, CLIP, 1 - CLIP))


METRICS = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "accuracy", True, lambda y, p: in_top(y, p, 1)),
        Metric("error", "rank-1 error", False, lambda y, p: 1.0 - in_top(y, p, 1)),
        Metric("log_loss", "log loss", False, _log_loss, probabilistic=True),
    )
}


@dataclass(frozen=True)
class Interval:
    """A score with its bootstrap interval."""

    score: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.score:.4f} ({self.low:.4f} to {self.high:.4f})"


def bootstrap(values: Array, *, samples: int = 2000, level: float = 0.95, seed: int = 0) -> Interval:
    """The mean of per-row values with a percentile bootstrap interval over rows.

    Source: Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.

    Args:
        values: (n,) one value a row.
        samples: resamplings.
        level: coverage.
        seed: the same values give the same interval.
    """
    random = np.random.default_rng(seed)
    n = len(values)
    # Multiplicities of equal values are multinomial: for 0/1 metrics and any n this is a handful of columns.
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) <= 64:
        means = random.multinomial(n, counts / n, size=samples) @ distinct / n
    else:
        means = np.array([values[random.integers(0, n, n)].mean() for _ in range(samples)])
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(values.mean()), float(low), float(high))
