"""Competition metrics, each with its direction and its value per row, and bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Array = np.ndarray

# Kaggle clips probabilities to this before taking logarithms, so a wrong prediction costs 34.5 at most.
CLIP = 1e-15


@dataclass(frozen=True)
class Metric:
    """A metric whose score is a mean over rows.

    Args:
        name: the name in a competition's declaration.
        title: the name in messages and tables.
        higher_is_better: the direction.
        rows: (labels (n,), probabilities (n, classes)) to a value for each row (n,); the score is their mean.
        probabilistic: whether it depends on the probabilities themselves, not only on their order within a row.
    """

    name: str
    title: str
    higher_is_better: bool
    rows: Callable[[Array, Array], Array]
    probabilistic: bool = False

    def score(self, labels: Array, probabilities: Array) -> float:
        return float(self.rows(labels, probabilities).mean())

    def better(self, score: float, than: float) -> bool:
        return score > than if self.higher_is_better else score < than


def in_top(labels: Array, probabilities: Array, k: int) -> Array:
    """For each row, whether the true class is among the ``k`` most probable ones: 1.0 or 0.0.

    Of equal probabilities the lower class number comes first, as in ``argmax``, so a constant prediction is not always
    right.
    """
    true_probability = np.take_along_axis(probabilities, labels[:, None], axis=1)
    classes = np.arange(probabilities.shape[1])
    is_ahead = (probabilities > true_probability) | ((probabilities == true_probability) & (classes < labels[:, None]))
    return (is_ahead.sum(axis=1) < k).astype(np.float64)


def _log_loss(labels: Array, probabilities: Array) -> Array:
    true_probability = np.take_along_axis(probabilities, labels[:, None], axis=1)[:, 0].astype(np.float64)
    total = probabilities.sum(axis=1, dtype=np.float64)
    return -np.log(np.clip(true_probability / total, CLIP, 1 - CLIP))


METRICS = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "accuracy", True, lambda y, p: in_top(y, p, 1)),
        Metric("error", "top-1 error", False, lambda y, p: 1.0 - in_top(y, p, 1)),
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
    """The mean of values per row, with a percentile bootstrap interval over rows.

    Source: Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.

    Args:
        values: (n,) one value per row.
        samples: the number of bootstrap samples.
        level: the coverage of the interval.
        seed: the seed of the bootstrap; fixed, so that the same values give the same interval.
    """
    random = np.random.default_rng(seed)
    values = np.sort(values)  # the order of the rows does not count
    n = len(values)
    # How often each distinct value is drawn is multinomial: for 0/1 metrics this needs two columns, whatever n is.
    distinct_values, counts = np.unique(values, return_counts=True)
    if len(distinct_values) <= 64:
        means = random.multinomial(n, counts / n, size=samples) @ distinct_values / n
    else:
        means = np.array([values[random.integers(0, n, n)].mean() for _ in range(samples)])
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(values.mean()), float(low), float(high))
