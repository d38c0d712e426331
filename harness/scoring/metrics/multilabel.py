"""Metrics of images with several labels: labels are (n, labels) of 0 and 1, a label is predicted from 0.5 on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from harness.data.targets.links import CLIP, DECISION
from harness.scoring.metrics.auc import mean_over_columns
from harness.scoring.metrics.metric import Metric, RowMetric, Scorer, SetMetric

Array = np.ndarray

KINDS = ("multilabel",)


def cell_losses(labels: Array, probabilities: Array) -> Array:
    """The log loss of each label of each row, clipped as on Kaggle: (n, labels) float64."""
    values = np.clip(probabilities.astype(np.float64), CLIP, 1 - CLIP)
    return -np.where(labels == 1, np.log(values), np.log1p(-values))


def _average_precision(k: int) -> Callable[[Array, Array], Array]:
    """Of rows with several true labels: the hits so far over the place, summed over hits, over min(k, true labels)."""

    def rows(labels: Array, probabilities: Array) -> Array:
        best = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
        is_listed = np.take_along_axis(probabilities, best, axis=1) > 0
        hits = (np.take_along_axis(labels, best, axis=1) == 1) & is_listed
        precision = np.cumsum(hits, axis=1) / np.arange(1, best.shape[1] + 1)
        possible = np.minimum((labels == 1).sum(axis=1), k)
        return (precision * hits).sum(axis=1) / np.maximum(possible, 1)

    return rows


def _counts(labels: Array, probabilities: Array) -> Array:
    """Of each row: its hits, its predicted labels, its true labels: (3, n) float64."""
    predicted, true = probabilities >= DECISION, labels == 1
    return np.stack([part.sum(axis=1) for part in (predicted & true, predicted, true)]).astype(np.float64)


def _f(counts: Array, beta: float) -> Array:
    """F-beta of hits, predicted and true ones, (3, …); 0 where nothing is true and nothing predicted."""
    hits, predicted, true = counts
    whole = predicted + beta**2 * true
    return np.divide((1 + beta**2) * hits, whole, out=np.zeros_like(whole), where=whole > 0)


def _micro_f(beta: float) -> Callable[[Array, Array], Scorer]:
    def scorer(labels: Array, probabilities: Array) -> Scorer:
        terms = _counts(labels, probabilities)
        return lambda drawn: float(_f((terms @ drawn)[:, None], beta)[0])

    return scorer


def _macro_f1(labels: Array, probabilities: Array) -> Scorer:
    """The plain mean of the labels' F1; one that no row has, and none is predicted to have, counts 0.

    As in scikit-learn for indicator matrices. It is not left out, as a class is that a set of classes lacks.
    """
    predicted, true = (probabilities >= DECISION).astype(np.float32), (labels == 1).astype(np.float32)
    terms = np.hstack([predicted * true, predicted, true])

    def score(drawn: Array) -> float:
        counts = (drawn.astype(np.float32) @ terms).astype(np.float64).reshape(3, -1)
        return float(_f(counts, 1.0).mean())

    return score


def _mean_auc(weighted: bool) -> Callable[[Array, Array], Scorer]:
    """The mean of the labels' AUC, weighted by how many rows have them or not."""
    return lambda labels, probabilities: mean_over_columns(labels == 1, probabilities, weighted)


def _f_of_rows(beta: float) -> Callable[[Array, Array], Array]:
    """F-beta of each row; 0 where nothing is true and nothing predicted, as in scikit-learn."""
    return lambda labels, probabilities: _f(_counts(labels, probabilities), beta)


# The same metrics as of one class an image.


def log_loss(high: float) -> Metric:
    return RowMetric(
        name="log_loss",
        title="log loss",
        higher_is_better=False,
        judges="probabilities",
        high=high,
        kinds=KINDS,
        rows=lambda labels, probabilities: cell_losses(labels, probabilities).mean(axis=1),
    )


def average_precision_at(k: int) -> Metric:
    return RowMetric(
        name=f"map@{k}",
        title=f"MAP@{k}",
        higher_is_better=True,
        judges="ranking",
        kinds=KINDS,
        rows=_average_precision(k),
    )


def _of_set(name: str, title: str, judges: str, scorer: Callable[[Array, Array], Scorer], each: bool) -> SetMetric:
    return SetMetric(
        name=name,
        title=title,
        higher_is_better=True,
        judges=judges,  # type: ignore[arg-type]
        each_class=each,
        kinds=KINDS,
        scorer=scorer,
    )


MICRO_F1 = _of_set("micro_f1", "micro F1", "classes", _micro_f(1.0), False)
MICRO_F2 = _of_set("micro_f2", "micro F2", "classes", _micro_f(2.0), False)
MACRO_F1 = _of_set("macro_f1", "macro F1", "classes", _macro_f1, False)
MEAN_COLUMN_AUC = _of_set("mean_column_auc", "mean column AUC", "order", _mean_auc(False), True)
WEIGHTED_AUC = _of_set("weighted_auc", "weighted AUC", "order", _mean_auc(True), True)
SAMPLE_F1, SAMPLE_F2 = (
    RowMetric(
        name=f"sample_f{beta}",
        title=f"mean F{beta} per image",
        higher_is_better=True,
        judges="classes",
        kinds=KINDS,
        rows=_f_of_rows(float(beta)),
    )
    for beta in (1, 2)
)
