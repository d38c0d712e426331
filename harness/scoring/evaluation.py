"""The evaluation of predictions: the metric with its interval, top-1 and top-5, a report by class, confusions."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np

from harness.scoring.metrics import METRICS, bootstrap, in_top
from harness.scoring.predictions import Predictions
from harness.utils.files import write_text

Array = np.ndarray


def evaluate(labels: Array, predictions: Predictions, metric: str) -> dict[str, Any]:
    """Scores of predictions against labels in the same order.

    Args:
        labels: (n,) class numbers.
        predictions: n rows.
        metric: the name of the competition's metric.

    Returns:
        "metric", "score", "low", "high" (95 % bootstrap interval), "rows", "top1", "top5".
    """
    interval = bootstrap(METRICS[metric].rows(labels, predictions.probabilities))
    return {
        "metric": metric,
        "score": interval.score,
        "low": interval.low,
        "high": interval.high,
        "rows": len(labels),
        "top1": float(in_top(labels, predictions.probabilities, 1).mean()),
        "top5": float(in_top(labels, predictions.probabilities, 5).mean()),
    }


def write(folder: Path, scored: dict[str, tuple[Array, Predictions]], metric: str) -> dict[str, Any]:
    """Evaluate each split, and write its report by class and its confusion matrix.

    Args:
        folder: the folder to write to.
        scored: for each split its labels (n,) and its predictions (n rows).
        metric: the name of the competition's metric.

    Returns:
        The result of ``evaluate`` for each split.
    """
    from sklearn.metrics import classification_report, confusion_matrix

    metrics = {}
    for split, (labels, predictions) in scored.items():
        metrics[split] = evaluate(labels, predictions, metric)
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
