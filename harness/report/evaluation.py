"""How good predictions are: the metric with its interval, rank-1 and rank-5, classes, confusions."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np

from harness.files import write_text
from harness.metrics import METRICS, bootstrap, in_top
from harness.predictions import Predictions

Array = np.ndarray


def evaluate(labels: Array, predictions: Predictions, metric: str) -> dict[str, Any]:
    """Scores of predictions against labels in the same order.

    Args:
        labels: (n,) class numbers.
        predictions: n rows.
        metric: the competition's.

    Returns:
        "score", "low", "high" (95 % bootstrap), "rows", "rank1", "rank5".
    """
    interval = bootstrap(METRICS[metric].rows(labels, predictions.probabilities))
    return {
        "metric": metric,
        "score": interval.score,
        "low": interval.low,
        "high": interval.high,
        "rows": len(labels),
        "rank1": float(in_top(labels, predictions.probabilities, 1).mean()),
        "rank5": float(in_top(labels, predictions.probabilities, 5).mean()),
    }


def write(folder: Path, scored: dict[str, tuple[Array, Predictions]], metric: str) -> dict[str, Any]:
    """Evaluate each split, and keep for each a report by class and a confusion matrix.

    Args:
        folder: where the files go.
        scored: for each split its labels (n,) and its predictions (n rows).
        metric: the competition's.
    """
    from sklearn.metrics import classification_report, confusion_matrix

    found = {}
    for split, (labels, predictions) in scored.items():
        found[split] = evaluate(labels, predictions, metric)
        guesses, numbers = predictions.probabilities.argmax(axis=1), list(range(len(predictions.classes)))
        report = classification_report(
            labels, guesses, labels=numbers, target_names=predictions.classes, digits=4, zero_division=0
        )
        write_text(folder / f"report-{split}.txt", report)
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(["true \\ predicted", *predictions.classes])
        for name, line in zip(predictions.classes, confusion_matrix(labels, guesses, labels=numbers), strict=True):
            table.writerow([name, *line.tolist()])
        write_text(folder / f"confusion-{split}.csv", text.getvalue())
    return found
