"""The evaluation of predictions: the metric with its interval, a report by class or label, confusions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from harness.data.dataset import Dataset
from harness.scoring import reports
from harness.scoring.metrics import METRICS, Interval, Metric
from harness.scoring.predictions import Predictions
from harness.utils.console import say
from harness.utils.errors import some
from harness.utils.files import write_text

Array = np.ndarray

# An interval over fewer groups says so.
FEW_GROUPS = 20


def evaluate(predictions: Predictions, dataset: Dataset, metric: str) -> dict[str, Any]:
    """Scores of predictions of labelled rows.

    Args:
        predictions: n rows.
        dataset: gives their labels, and their groups where rows are not independent.
        metric: the name of the competition's metric.

    Returns:
        "metric", "score", "low", "high" (its 95 % interval), "interval" (the kind of it), "rows"; of one class an
        image, "top1", "top5".
    """
    labels, probabilities = dataset.labels_of(predictions.ids), predictions.probabilities
    interval = METRICS[metric].interval(labels, probabilities, dataset.groups_of(predictions.ids))
    return {
        "metric": metric,
        "score": interval.score,
        "low": interval.low,
        "high": interval.high,
        "interval": interval.how,
        "rows": len(labels),
        **reports.more_scores(labels, probabilities, dataset.targets),
    }


def interval_of(scores: dict[str, Any]) -> Interval:
    """The interval that ``evaluate`` gave, from its kept result."""
    return Interval(scores["score"], scores["low"], scores["high"], how=scores.get("interval", "bootstrap"))


def write(folder: Path, splits: dict[str, Predictions], dataset: Dataset, metric: str) -> dict[str, Any]:
    """Evaluate each split, and write its report by class and its confusion matrix, or what its kind has for these.

    Args:
        folder: the folder to write to.
        splits: the predictions of labelled rows, by split.
        dataset, metric: as for ``evaluate``.

    Returns:
        The result of ``evaluate`` for each split.
    """
    metrics, targets = {}, dataset.targets
    for split, predictions in splits.items():
        labels, classes = dataset.labels_of(predictions.ids), predictions.classes
        _say_left_out(split, targets.counted(labels, classes), METRICS[metric].of(labels))
        _say_few_groups(split, dataset.groups_of(predictions.ids))
        metrics[split] = evaluate(predictions, dataset, metric)
        report = reports.report(labels, predictions.probabilities, classes, targets)
        write_text(folder / f"report-{split}.txt", report.text)
        if report.mistakes is not None:
            write_text(folder / f"confusion-{split}.csv", report.mistakes)
    return metrics


def _say_left_out(split: str, counted: dict[str, Array], metric: Metric) -> None:
    """Say which classes a mean over classes cannot count, since no row is of them."""
    absent = [name for name, rows in counted.items() if not rows.any()]
    if metric.each_class and absent:
        say(f"{split}: no row is of {some(absent)}, so {metric.title} leaves {len(absent):,} classes out.")


def _say_few_groups(split: str, groups: Array | None) -> None:
    """Say that an interval over few groups is itself unsure."""
    if groups is not None and (count := len(np.unique(groups))) < FEW_GROUPS:
        say(f"{split}: its {len(groups):,} rows are of {count} groups, so few that the interval is itself unsure.")
