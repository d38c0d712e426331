"""What predictions of several labels, or of a number, get wrong: a table, and the worst rows first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.data.targets import Multilabel, Regression, Targets
from harness.data.targets.links import DECISION
from harness.scoring.metrics.multilabel import cell_losses

Array = np.ndarray


@dataclass(frozen=True)
class Mistakes:
    """Mistakes on n labelled rows.

    Args:
        caption: of the table.
        columns: their names; the first holds words, the others numbers.
        rows: the cells as text.
        worst: row numbers, the worst mistakes first.
    """

    caption: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    worst: Array


def find(labels: Array, predictions: Array, classes: tuple[str, ...], targets: Targets) -> Mistakes | None:
    """The mistakes; None of one class an image, of which ``harness.scoring.examination`` tells more."""
    return FINDERS[targets.name](labels, predictions, classes) if targets.name in FINDERS else None


def _of_labels(labels: Array, predictions: Array, classes: tuple[str, ...]) -> Mistakes:
    decided, true = predictions >= DECISION, labels == 1
    counts = [part.sum(axis=0) for part in (true, decided & true, decided & ~true, ~decided & true)]
    rows = [
        (name, *(f"{count[number]:,}" for count in counts), f"{predictions[:, number].mean():.4f}")
        for number, name in enumerate(classes)
    ]
    losses = cell_losses(labels, predictions).max(axis=1)
    wrong = (decided != true).any(axis=1)
    return Mistakes(
        "Each label by itself, given from a probability of 0.5 on.",
        ("label", "images", "rightly given", "wrongly given", "missed", "mean probability"),
        rows,
        np.flatnonzero(wrong)[np.argsort(-losses[wrong], kind="stable")],
    )


def _of_numbers(labels: Array, predictions: Array, classes: tuple[str, ...]) -> Mistakes:
    errors = predictions[:, 0].astype(np.float64) - labels
    bins = Regression().strata(labels)
    rows = []
    for one in np.unique(bins):
        inside = bins == one
        span = f"{labels[inside].min():g} to {labels[inside].max():g}"
        measured = (errors[inside].mean(), np.abs(errors[inside]).mean(), np.sqrt((errors[inside] ** 2).mean()))
        rows.append((span, f"{inside.sum():,}", *(f"{value:.4g}" for value in measured)))
    return Mistakes(
        "Errors, prediction less label, by the label's size.",
        ("label", "images", "mean error", "mean absolute error", "root mean square error"),
        rows,
        np.argsort(-np.abs(errors), kind="stable"),
    )


FINDERS = {Multilabel.name: _of_labels, Regression.name: _of_numbers}
