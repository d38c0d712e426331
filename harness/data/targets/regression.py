"""A number an image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from harness.data.targets.targets import Label, Targets
from harness.utils.errors import UserError, some

Array = np.ndarray

# A bin of this many rows at least, and so many bins at most, stratify the folds.
BIN_ROWS, MOST_BINS = 20, 10


@dataclass(frozen=True)
class Regression(Targets):
    """A number an image: (n,) float64, NaN for images without one. Predictions have one column.

    Args:
        error: which error networks minimise.
    """

    error: Literal["squared", "absolute"] = "squared"
    name: ClassVar[str] = "regression"
    link: ClassVar[str] = "identity"
    loss: ClassVar[str] = "rmse"
    values: ClassVar[tuple[str, ...]] = ("quantity",)

    def classes_of(self, labels: Sequence[Label], listed: tuple[str, ...], sampled: tuple[str, ...]) -> tuple[str, ...]:
        return ("value",)

    def cells(self, labels: Sequence[Label], classes: tuple[str, ...], ids: Sequence[str]) -> list[str]:
        wrong = [
            f"{label!r} of {name}"
            for name, label in zip(ids, labels, strict=True)
            if label is not None and not (isinstance(label, str) and _is_number(label))
        ]
        if wrong:
            raise UserError(
                f"{len(wrong):,} labels are not finite numbers ({some(wrong, 3)}).",
                "correct them, or set another targets= in the competition's competition.py",
            )
        return [str(label) if label is not None else "" for label in labels]

    def parse(self, cells: Sequence[str], classes: tuple[str, ...]) -> Array:
        return np.array([float(cell) if cell else np.nan for cell in cells], np.float64)

    def unlabelled(self, n: int, classes: tuple[str, ...]) -> Array:
        return np.full(n, np.nan)

    def is_labelled(self, labels: Array) -> Array:
        return ~np.isnan(labels)

    def asked(self, classes: tuple[str, ...]) -> str:
        return "a number for each"

    def words(self, label: Array, classes: tuple[str, ...]) -> str:
        return f"{float(label):g}"

    def counted(self, labels: Array, classes: tuple[str, ...]) -> dict[str, Array]:
        known = self.is_labelled(labels)
        bins = self.strata(labels[known])
        rows = {number: np.flatnonzero(known)[bins == number] for number in np.unique(bins)}
        return {
            f"{labels[each].min():g} to {labels[each].max():g}": np.isin(np.arange(len(labels)), each)
            for each in rows.values()
        }

    def strata(self, labels: Array) -> Array:
        """Quantile bins: each fold then has as many low and high numbers."""
        bins = max(1, min(MOST_BINS, len(labels) // BIN_ROWS))
        edges = np.unique(np.quantile(labels, np.arange(1, bins) / bins)) if len(labels) else np.empty(0)
        return np.unique(np.searchsorted(edges, labels, side="right"), return_inverse=True)[1]

    def closeness(self, labels: Array, predictions: Array) -> Array:
        return (predictions[:, 0] - labels).astype(np.float64)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text)) and "_" not in text
    except ValueError:
        return False
