"""Stacking: a logistic regression on the members' probabilities learns which member to trust for which class."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray

FLOOR = 1e-6  # smaller probabilities are numerical noise of a network, and their logarithms say nothing about the image


@dataclass(frozen=True)
class Stack:
    """A fitted stacking model.

    Args:
        coefficients: (classes, members · classes) coefficients of log-probabilities.
        intercepts: (classes,); minus infinity for a class that was not among the fitted rows.
    """

    coefficients: Array
    intercepts: Array

    def __call__(self, members: Array) -> Array:
        scores = _features(members) @ self.coefficients.T + self.intercepts
        probabilities = np.exp(scores - scores.max(axis=1, keepdims=True))
        return probabilities / probabilities.sum(axis=1, keepdims=True)

    def about(self) -> dict[str, Any]:
        return {}


def stack(members: Array, labels: Array, c: float) -> Stack:
    """Fit a multinomial logistic regression on the members' log-probabilities.

    Source: Wolpert, Stacked Generalization (1992); Ting & Witten, Issues in Stacked Generalization (1999), for
    probabilities as inputs.

    Args:
        members: (m, n, k) probabilities of rows that the members were not trained on.
        labels: (n,) class numbers.
        c: the inverse strength of the L2 penalty.
    """
    from sklearn.linear_model import LogisticRegression

    classes, present = members.shape[2], np.unique(labels)
    coefficients = np.zeros((classes, members.shape[0] * classes))
    intercepts = np.full(classes, -np.inf)
    if len(present) == 1:
        intercepts[present] = 0
        return Stack(coefficients, intercepts)
    model = LogisticRegression(C=c, max_iter=500)
    with warnings.catch_warnings():
        # With a weak penalty the last digits take long to converge and do not matter.
        warnings.filterwarnings("ignore", message=".*failed to converge")
        model.fit(_features(members), labels)
    # For two classes, scikit-learn fits one set of coefficients: the second class's; the first's are zeros.
    rows = present if len(present) > 2 else present[1:]
    intercepts[present] = 0
    coefficients[rows], intercepts[rows] = model.coef_, model.intercept_
    return Stack(coefficients, intercepts)


def _features(members: Array) -> Array:
    """(m, n, k) probabilities to (n, m · k) logarithms."""
    logs = np.log(np.clip(members, FLOOR, 1).astype(np.float64))
    return logs.transpose(1, 0, 2).reshape(members.shape[1], -1)
