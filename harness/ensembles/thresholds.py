"""From probabilities to decisions: a threshold a label, and cuts of the expected grade, fitted for the metric.

A decision is written as probabilities from which the metric and the CSV decide the same: a label is given from 0.5 on,
a grade is the most probable one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.data.targets.links import DECISION
from harness.scoring.metrics import Metric

Array = np.ndarray

BELOW = float(np.nextafter(np.float32(DECISION), np.float32(0)))
# Values that are no further apart may be one value, computed in another order on another machine.
ROUNDING = 1e-12
CANDIDATES = 100
NEVER = 1 + 1e-9  # a threshold that no probability reaches
# How much of the probabilities is left beside a decided grade, so that their order is still there.
LEFT = 1e-3


@dataclass(frozen=True)
class LabelThresholds:
    """A fitted threshold a label: probabilities are stretched so that it comes to be 0.5.

    Args:
        values: (labels,) 0 or more; a label with one above 1 is never given.
        at_least_one: whether each image gets its most probable label in any case, as it stands to its threshold.
    """

    values: Array
    at_least_one: bool = False

    def __call__(self, members: Array) -> Array:
        (p,) = members.astype(np.float64)
        t = self.values
        above = DECISION + (1 - DECISION) * (p - t) / np.maximum(1 - t, 1e-12)
        stretched = np.where(p >= t, above, np.minimum(DECISION * p / np.maximum(t, 1e-12), BELOW))
        if self.at_least_one:
            best = stretched.argmax(axis=1)[:, None]
            np.put_along_axis(stretched, best, np.maximum(np.take_along_axis(stretched, best, 1), DECISION), 1)
        return np.clip(stretched, 0, 1)

    def about(self) -> dict[str, Any]:
        return {"thresholds": self.values.tolist()}


@dataclass(frozen=True)
class GradeCuts:
    """Fitted cuts of the expected grade.

    Args:
        values: (classes - 1,) ascending; an image gets the grade that is as high as the cuts it reaches are many.
    """

    values: Array

    def __call__(self, members: Array) -> Array:
        (p,) = members.astype(np.float64)
        p = p / p.sum(axis=1, keepdims=True)
        return (decided(expected(p), self.values, p.shape[1]) + LEFT * p) / (1 + LEFT)

    def about(self) -> dict[str, Any]:
        return {"thresholds": self.values.tolist()}


def expected(probabilities: Array) -> Array:
    """The expected grade of each row: (n,)."""
    return probabilities @ np.arange(probabilities.shape[1])


def decided(grades: Array, cuts: Array, classes: int) -> Array:
    """The grade of each row as a 1 among zeros: (n, classes)."""
    return np.eye(classes)[np.searchsorted(cuts, grades, side="right")]


def fit_labels(probabilities: Array, labels: Array, metric: Metric, per_label: bool, at_least_one: bool) -> Array:
    """Thresholds (labels,) that are best for the metric on these rows.

    Of F over all cells (micro) the best thresholds are found exactly, one for all labels or one each; of macro F1 one
    each is. For any other metric it is one for all labels, tried at quantiles of the probabilities, of all cells and of
    the true ones.

    Source of the search for micro F: Dinkelbach, On nonlinear fractional programming (1967).

    Args:
        probabilities: (n, labels).
        labels: (n, labels) of 0 and 1.
        metric: judges which labels are given.
        per_label: a threshold each, where the metric has such a search.
        at_least_one: as in ``LabelThresholds``.
    """
    columns = probabilities.shape[1]
    beta = {"micro_f1": 1.0, "micro_f2": 2.0}.get(metric.name)
    if beta is not None and not at_least_one:
        pooled = [(probabilities.ravel(), labels.ravel() == 1)]
        parts = [(p, y == 1) for p, y in zip(probabilities.T, labels.T, strict=True)] if per_label else pooled
        return np.full(columns, 1.0) * _micro(parts, beta)
    if metric.name == "macro_f1" and per_label and not at_least_one:
        return np.array([_micro([(p, y == 1)], 1.0)[0] for p, y in zip(probabilities.T, labels.T, strict=True)])
    candidates = _common_candidates(probabilities, labels)
    tried = [LabelThresholds(np.full(columns, value), at_least_one)(probabilities[None]) for value in candidates]
    return np.full(columns, candidates[_best(metric, labels, tried)])


def fit_cuts(probabilities: Array, labels: Array, metric: Metric) -> Array:
    """Cuts of the expected grade (classes - 1,) that are best for the metric: each in turn, until none gets better.

    Args:
        probabilities: (n, classes), rows sum to one.
        labels: (n,) class numbers.
        metric: judges the grade.
    """
    grades, classes = expected(probabilities), probabilities.shape[1]
    cuts, candidates = np.arange(classes - 1) + 0.5, _candidates(grades)
    score = metric.score(labels, decided(grades, cuts, classes))
    for _ in range(10):
        before = score
        for number in range(classes - 1):
            low = cuts[number - 1] if number else -np.inf
            high = cuts[number + 1] if number + 2 < classes else np.inf
            trials = [
                np.concatenate([cuts[:number], [value], cuts[number + 1 :]])
                for value in candidates[(candidates >= low) & (candidates <= high)]
            ]
            if trials:
                best = _best(metric, labels, [decided(grades, trial, classes) for trial in trials])
                found = metric.score(labels, decided(grades, trials[best], classes))
                if metric.better(found, score):
                    cuts, score = trials[best], found
        if score == before:
            break
    return cuts


def _best(metric: Metric, labels: Array, tried: list[Array]) -> int:
    scores = [metric.score(labels, one) for one in tried]
    return int(np.argmax(scores) if metric.higher_is_better else np.argmin(scores))


def _common_candidates(probabilities: Array, labels: Array) -> Array:
    """Places for one threshold of all labels: ascending.

    Where one cell in a hundred is true, quantiles of all cells hardly ever fall among the probabilities of these.
    """
    true = probabilities[labels == 1]
    of_true = _candidates(true) if len(true) else true
    return np.unique(np.concatenate([_candidates(probabilities.ravel()), of_true, [DECISION]]))


def _candidates(values: Array) -> Array:
    """Places between distinct values, at about even shares of them: ascending."""
    distinct = np.unique(values.astype(np.float64))
    distinct = distinct[np.diff(distinct, prepend=-np.inf) > ROUNDING]
    if len(distinct) == 1:
        return distinct
    chosen = np.unique(np.linspace(0, len(distinct) - 2, min(CANDIDATES, len(distinct) - 1)).round().astype(int))
    return (distinct[chosen] + distinct[chosen + 1]) / 2


def _micro(parts: list[tuple[Array, Array]], beta: float) -> Array:
    """The threshold of each part of the cells, with which F-beta of all of them together is highest: (parts,).

    With F known, each part's best cut is that of the highest (1 + beta²) × hits - F × given; F follows from the cuts,
    and so on until it stays.

    Args:
        parts: the probabilities (n,) of cells, and which of these are true.
        beta: of F.
    """
    cuts = [_cuts(p, is_true) for p, is_true in parts]
    true = sum(float(is_true.sum()) for _, is_true in parts)
    if not true:
        return np.full(len(parts), DECISION)
    f, chosen = 0.0, [0] * len(cuts)
    for _ in range(100):
        chosen = [int(np.argmax((1 + beta**2) * hits - f * given)) for _, hits, given in cuts]
        picked = [(hits[at], given[at]) for at, (_, hits, given) in zip(chosen, cuts, strict=True)]
        hits, given = (sum(column) for column in zip(*picked, strict=True))
        last, f = f, float((1 + beta**2) * hits / (given + beta**2 * true))
        if f <= last:
            break
    return np.array([thresholds[at] for at, (thresholds, _, _) in zip(chosen, cuts, strict=True)])


def _cuts(p: Array, is_true: Array) -> tuple[Array, Array, Array]:
    """Each way to cut off the highest probabilities: the threshold, how many of them are true, how many they are.

    Nothing given comes first. Equal probabilities are cut off together; a threshold is midway between two.
    """
    values, inverse, counts = np.unique(-p.astype(np.float64), return_inverse=True, return_counts=True)
    hits = np.concatenate([[0], np.cumsum(np.bincount(inverse, is_true))])
    given = np.concatenate([[0], np.cumsum(counts)])
    ends = np.concatenate([[1.0], -values, [0.0]])
    thresholds = (ends[:-1] + ends[1:]) / 2
    thresholds[0] = thresholds[0] if thresholds[0] > -values[0] else NEVER  # nothing is given, not even what is certain
    return thresholds, hits, given
