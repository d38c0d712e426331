"""Stacking: a linear model on the members' predictions learns which member to trust for which class."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.data.targets.links import LINKS

Array = np.ndarray

FLOOR = 1e-6  # smaller probabilities are numerical noise of a network, and their logarithms say nothing about the image


@dataclass(frozen=True)
class Stack:
    """A fitted stacking model.

    Args:
        coefficients: (classes, members · classes) coefficients of log-probabilities.
        intercepts: (classes,); minus infinity for a class that was not among the fitted rows. Such a class keeps the
            mean of the members' probabilities, for these may have seen it: the only image of a class is never held out.
    """

    coefficients: Array
    intercepts: Array

    def __call__(self, members: Array) -> Array:
        probabilities = LINKS["softmax"].predictions(_features(members) @ self.coefficients.T + self.intercepts)
        unseen = np.isneginf(self.intercepts)
        theirs = members.mean(axis=0, dtype=np.float64) * unseen
        return probabilities * np.maximum(1 - theirs.sum(axis=1, keepdims=True), 0) + theirs

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


@dataclass(frozen=True)
class ColumnStack:
    """A fitted stacking model of columns that stand for themselves: labels, or a number.

    Args:
        coefficients: (k, members) of the members' scores of a column.
        intercepts: (k,).
        link: of the predictions.
    """

    coefficients: Array
    intercepts: Array
    link: str

    def __call__(self, members: Array) -> Array:
        scores = np.einsum("mnk,km->nk", _scores(members, self.link), self.coefficients) + self.intercepts
        return LINKS[self.link].predictions(scores)

    def about(self) -> dict[str, Any]:
        return {}


def stack_columns(members: Array, labels: Array, c: float, link: str) -> ColumnStack:
    """Fit a model a column: a logistic regression on the members' logits of a label, or ridge regression of a number.

    Args:
        members: (m, n, k) predictions of rows that the members were not trained on.
        labels: (n, k) of 0 and 1, or (n,) numbers.
        c: the inverse strength of the L2 penalty; for numbers, that of standardised ones.
        link: of the predictions.
    """
    fit = _fit_label if link == "sigmoid" else _fit_number
    scores, columns = _scores(members, link), labels.reshape(len(labels), -1)
    fitted = [fit(scores[:, :, column].T, columns[:, column], c) for column in range(members.shape[2])]
    coefficients, intercepts = zip(*fitted, strict=True)
    return ColumnStack(np.stack(coefficients), np.array(intercepts), link)


def _fit_label(scores: Array, labels: Array, c: float) -> tuple[Array, float]:
    """Coefficients (m,) and intercept; a label that all rows have, or none, keeps its frequency."""
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(labels)) == 1:
        share = np.clip(labels.mean(), 0.5 / len(labels), 1 - 0.5 / len(labels))
        return np.zeros(scores.shape[1]), float(np.log(share / (1 - share)))
    model = LogisticRegression(C=c, max_iter=500)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*failed to converge")
        model.fit(scores, labels)
    return model.coef_[0], float(model.intercept_[0])


def _fit_number(scores: Array, values: Array, c: float) -> tuple[Array, float]:
    """Coefficients (m,) and intercept; where the penalty is strong, those of the members' mean."""
    from sklearn.linear_model import Ridge

    # Towards the mean and not towards 0: the members are in the number's own units.
    mean, unit = scores.mean(axis=1), float(values.std()) or 1.0
    model = Ridge(alpha=1 / c).fit((scores - mean[:, None]) / unit, (values - mean) / unit)
    coefficients = np.full(scores.shape[1], 1 / scores.shape[1]) + model.coef_ - model.coef_.mean()
    return coefficients, float(model.intercept_ * unit)


def _scores(members: Array, link: str) -> Array:
    """The members' scores: (m, n, k) float64; probabilities closer than ``FLOOR`` to 0 or 1 count as that close."""
    return LINKS[link].scores(members if link == "identity" else np.clip(members, FLOOR, 1 - FLOOR))


def _features(members: Array) -> Array:
    """(m, n, k) probabilities to (n, m · k) logarithms."""
    logs = np.log(np.clip(members, FLOOR, 1).astype(np.float64))
    return logs.transpose(1, 0, 2).reshape(members.shape[1], -1)
