"""The area under the ROC curve: of two classes, and the mean over the columns of several.

The share of pairs of a positive and a negative row in which the positive has the higher value; ties count half. All
bootstrap draws share one sort: only how often each row counts changes.
"""

from __future__ import annotations

import numpy as np

from harness.scoring.metrics.metric import Scorer, SetMetric
from harness.scoring.positive import positive_value

Array = np.ndarray


def column_scorer(is_positive: Array, values: Array) -> Scorer:
    """AUC as a function of how often each row counts; NaN without both classes.

    Args:
        is_positive: (n,) bool.
        values: (n,) any numbers; only their order matters.
    """
    positives, negatives = (rows[np.argsort(values[rows])] for rows in map(np.flatnonzero, (is_positive, ~is_positive)))
    # How many negatives, in their order, lie below each positive, and below it or level with it.
    below = np.searchsorted(values[negatives], values[positives], side="left")
    level = np.searchsorted(values[negatives], values[positives], side="right")
    has_ties = not np.array_equal(below, level)

    def score(drawn: Array) -> float:
        passed = np.empty(len(negatives) + 1, np.int64)  # of this call alone: several threads score at once
        passed[0] = 0
        np.cumsum(drawn[negatives], dtype=np.int64, out=passed[1:])
        counts = drawn[positives]
        pairs = int(counts.sum()) * int(passed[-1])
        if not pairs:
            return np.nan
        won_twice = counts @ (passed[below] + passed[level]) if has_ties else 2 * (counts @ passed[below])
        return float(won_twice / (2 * pairs))

    return score


def _two_classes(labels: Array, probabilities: Array) -> Scorer:
    return column_scorer(labels == 1, positive_value(probabilities))


def mean_over_columns(is_positive: Array, values: Array, weighted: bool = False) -> Scorer:
    """The mean of columns' AUC as a function of how often each row counts; a column without both is left out.

    Args:
        is_positive: (n, columns) bool.
        values: (n, columns) any numbers.
        weighted: whether a column counts by its positive rows; else all columns count alike.
    """
    scorers = [column_scorer(*columns) for columns in zip(is_positive.T, values.T, strict=True)]

    def score(drawn: Array) -> float:
        # Each column picks counts in an order of its own: of bytes, many more fit into the processor's cache.
        counts = drawn.astype(np.uint8) if drawn.max() < 256 else drawn
        found = np.array([scorer(counts) for scorer in scorers])
        is_defined = ~np.isnan(found)
        if not is_defined.any():
            return np.nan
        weights = (drawn @ is_positive)[is_defined] if weighted else None
        return float(np.average(found[is_defined], weights=weights))

    return score


def _each_class(labels: Array, probabilities: Array) -> Scorer:
    """Each class against all others, its column its values."""
    return mean_over_columns(labels[:, None] == np.arange(probabilities.shape[1]), probabilities)


AUC = SetMetric(name="auc", title="AUC", higher_is_better=True, judges="order", classes=2, scorer=_two_classes)
MEAN_COLUMN_AUC = SetMetric(
    name="mean_column_auc",
    title="mean column AUC",
    higher_is_better=True,
    judges="order",
    each_class=True,
    scorer=_each_class,
)
