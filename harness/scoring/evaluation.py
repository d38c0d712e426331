"""The evaluation of predictions: the metric with its interval, top-1 and top-5, a report by class, confusions."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np

from harness.scoring.metrics import METRICS, Interval, Metric, in_top
from harness.scoring.predictions import Predictions
from harness.utils.console import say
from harness.utils.errors import some
from harness.utils.files import write_text

Array = np.ndarray

# An interval over fewer groups says so.
FEW_GROUPS = 20


def evaluate(labels: Array, predictions: Predictions, metric: str, groups: Array | None = None) -> dict[str, Any]:
    """Scores of predictions against labels in the same order.

    Args:
        labels: (n,) class numbers.
        predictions: n rows.
        metric: the name of the competition's metric.
        groups: (n,) the group of each row, where rows are not independent.

    Returns:
        "metric", "score", "low", "high" (its 95 % interval), "interval" (the kind of it), "rows", "top1", "top5".
    """
    interval = METRICS[metric].interval(labels, predictions.probabilities, groups)
    return {
        "metric": metric,
        "score": interval.score,
        "low": interval.low,
        "high": interval.high,
        "interval": interval.how,
        "rows": len(labels),
        "top1": float(in_top(labels, predictions.probabilities, 1).mean()),
        "top5": float(in_top(labels, predictions.probabilities, 5).mean()),
    }


def interval_of(scores: dict[str, Any]) -> Interval:
    """The interval that ``evaluate`` gave, from its kept result."""
    return Interval(scores["score"], scores["low"], scores["high"], how=scores.get("interval", "bootstrap"))


def write(
    folder: Path,
    scored: dict[str, tuple[Array, Predictions]],
    metric: str,
    groups: dict[str, Array | None] | None = None,
) -> dict[str, Any]:
    """Evaluate each split, and write its report by class and its confusion matrix.

    Args:
        folder: the folder to write to.
        scored: for each split its labels (n,) and its predictions (n rows).
        metric: the name of the competition's metric.
        groups: for each split the group of each row (n,); None where rows are independent.

    Returns:
        The result of ``evaluate`` for each split.
    """
    from sklearn.metrics import classification_report, confusion_matrix

    metrics = {}
    for split, (labels, predictions) in scored.items():
        _say_left_out(split, labels, predictions.classes, METRICS[metric])
        groups_of_split = (groups or {}).get(split)
        _say_few_groups(split, groups_of_split)
        metrics[split] = evaluate(labels, predictions, metric, groups_of_split)
        predicted, numbers = predictions.probabilities.argmax(axis=1), list(range(len(predictions.classes)))
        report = classification_report(
            labels, predicted, labels=numbers, target_names=predictions.classes, digits=4, zero_division=0
        )
        write_text(folder / f"report-{split}.txt", report)
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["true \\ predicted", *predictions.classes])
        for name, counts in zip(predictions.classes, confusion_matrix(labels, predicted, labels=numbers), strict=True):
            writer.writerow([name, *counts.tolist()])
        write_text(folder / f"confusion-{split}.csv", text.getvalue())
    return metrics


def _say_left_out(split: str, labels: Array, classes: tuple[str, ...], metric: Metric) -> None:
    """Say which classes a mean over classes cannot count, since no row is of them."""
    absent = [
        name for name, count in zip(classes, np.bincount(labels, minlength=len(classes)), strict=True) if not count
    ]
    if metric.each_class and absent:
        say(f"{split}: no row is of {some(absent)}, so {metric.title} leaves {len(absent):,} classes out.")


def _say_few_groups(split: str, groups: Array | None) -> None:
    """Say that an interval over few groups is itself unsure."""
    if groups is not None and (count := len(np.unique(groups))) < FEW_GROUPS:
        say(f"{split}: its {len(groups):,} rows are of {count} groups, so few that the interval is itself unsure.")
