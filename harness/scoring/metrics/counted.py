"""Metrics of counts over the whole set: macro F1, quadratic weighted kappa, probabilistic F1."""

from __future__ import annotations

import numpy as np

from harness.scoring.metrics.metric import Scorer, SetMetric
from harness.scoring.positive import positive_value

Array = np.ndarray


def _macro_f1(labels: Array, probabilities: Array) -> Scorer:
    """The plain mean of the classes' F1; a class that no row has and none is predicted as is left out."""
    predicted, count = probabilities.argmax(axis=1), probabilities.shape[1]
    is_hit = predicted == labels

    def score(drawn: Array) -> float:
        hits = np.bincount(labels[is_hit], drawn[is_hit], count)
        sizes = np.bincount(labels, drawn, count) + np.bincount(predicted, drawn, count)
        present = sizes > 0
        return float((2 * hits[present] / sizes[present]).mean())

    return score


def _kappa(labels: Array, probabilities: Array) -> Scorer:
    """Cohen's kappa with squared distances of class numbers; 0 / 0 where all is of one grade.

    Sums of squares are enough: the table of all pairs of grades is never built, and the factor (K - 1)² cancels.

    Source: Cohen, Weighted kappa (1968).
    """
    true, predicted = labels.astype(np.float64), probabilities.argmax(axis=1).astype(np.float64)
    terms = np.stack([(true - predicted) ** 2, true, predicted, true**2, predicted**2], axis=1)

    def score(drawn: Array) -> float:
        observed, sum_true, sum_predicted, squares_true, squares_predicted = drawn @ terms
        expected = squares_true + squares_predicted - 2 * sum_true * sum_predicted / drawn.sum()
        return float(1 - observed / expected) if expected else np.nan

    return score


def _probabilistic_f1(labels: Array, probabilities: Array) -> Scorer:
    """F1 with probabilities in place of counts; 0 where no positive gets any, undefined without a positive.

    Source: Yacouby & Axman, Probabilistic Extension of Precision, Recall, and F1 Score (2020).
    """
    positive, values = (labels == 1).astype(np.float64), np.clip(positive_value(probabilities), 0, 1)
    terms = np.stack([positive, values, positive * values], axis=1)

    def score(drawn: Array) -> float:
        positives, given, hits = drawn @ terms
        return float(2 * hits / (given + positives)) if positives else np.nan

    return score


MACRO_F1 = SetMetric(
    name="macro_f1",
    title="macro F1",
    higher_is_better=True,
    judges="classes",
    each_class=True,
    scorer=_macro_f1,
)
KAPPA = SetMetric(
    name="quadratic_weighted_kappa",
    title="quadratic weighted kappa",
    higher_is_better=True,
    judges="classes",
    low=-1.0,
    scorer=_kappa,
)
PROBABILISTIC_F1 = SetMetric(
    name="probabilistic_f1",
    title="probabilistic F1",
    higher_is_better=True,
    judges="probabilities",
    classes=2,
    scorer=_probabilistic_f1,
)
