"""What evaluation adds to the metric, by the kind of targets: more scores, a report in words, a table of mistakes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.data.targets import Multiclass, Multilabel, Ordinal, Regression, Targets
from harness.data.targets.links import DECISION
from harness.scoring.metrics import in_top
from harness.utils.csv_text import csv_text

Array = np.ndarray


class Report(NamedTuple):
    """Files of a split: the report's text, and the table of mistakes as a CSV, or None."""

    text: str
    mistakes: str | None


def more_scores(labels: Array, probabilities: Array, targets: Targets) -> dict[str, float]:
    """Scores beside the metric's: of one class an image, "top1" and "top5"."""
    if targets.link != "softmax":
        return {}
    return {f"top{k}": float(in_top(labels, probabilities, k).mean()) for k in (1, 5)}


def report(labels: Array, probabilities: Array, classes: tuple[str, ...], targets: Targets) -> Report:
    """The report of predictions of labelled rows."""
    return REPORTS[targets.name](labels, probabilities, classes)


def _of_classes(labels: Array, probabilities: Array, classes: tuple[str, ...]) -> Report:
    from sklearn.metrics import classification_report, confusion_matrix

    predicted, numbers = probabilities.argmax(axis=1), list(range(len(classes)))
    text = classification_report(labels, predicted, labels=numbers, target_names=classes, digits=4, zero_division=0)
    rows = zip(classes, confusion_matrix(labels, predicted, labels=numbers), strict=True)
    return Report(text, csv_text(["true \\ predicted", *classes], [[name, *counts.tolist()] for name, counts in rows]))


def _of_labels(labels: Array, probabilities: Array, classes: tuple[str, ...]) -> Report:
    from sklearn.metrics import classification_report, multilabel_confusion_matrix

    predicted = (probabilities >= DECISION).astype(np.int8)
    numbers = list(range(len(classes)))
    text = classification_report(labels, predicted, labels=numbers, target_names=classes, digits=4, zero_division=0)
    counts = multilabel_confusion_matrix(labels, predicted).reshape(len(classes), 4).tolist()
    header = ["label", "rightly not given", "wrongly given", "missed", "rightly given"]
    return Report(text, csv_text(header, [[name, *row] for name, row in zip(classes, counts, strict=True)]))


def _of_numbers(labels: Array, predictions: Array, classes: tuple[str, ...]) -> Report:
    errors = predictions[:, 0].astype(np.float64) - labels
    spread = float(np.var(labels))
    lines = [
        f"rows                      {len(labels):,}",
        f"root mean square error    {np.sqrt((errors**2).mean()):.6g}",
        f"mean absolute error       {np.abs(errors).mean():.6g}",
        f"mean error                {errors.mean():.6g}",
        f"R²                        {1 - (errors**2).mean() / spread if spread else float('nan'):.4f}",
    ]
    lines += [
        f"{share:.0%} of the errors below  {np.quantile(np.abs(errors), share):.6g}" for share in (0.5, 0.9, 0.99)
    ]
    return Report("\n".join(lines) + "\n", None)


REPORTS = {
    Multiclass.name: _of_classes,
    Ordinal.name: _of_classes,
    Multilabel.name: _of_labels,
    Regression.name: _of_numbers,
}
