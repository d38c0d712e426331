"""The predictions of several recipes for the same rows, joined by id."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from harness.data.targets import MULTICLASS, Targets
from harness.scoring.predictions import Predictions
from harness.utils.errors import UserError

Array = np.ndarray


@dataclass(frozen=True)
class Members:
    """Predictions of several recipes for the same rows and classes.

    Args:
        names: (m,) the recipes' names, sorted.
        ids: (n,) the rows' ids, sorted.
        classes: (k,) class names, by column.
        probabilities: (m, n, k) float32.
        targets: the kind of the predictions.
    """

    names: tuple[str, ...]
    ids: tuple[str, ...]
    classes: tuple[str, ...]
    probabilities: Array
    targets: Targets = MULTICLASS

    def at(self, rows: Array) -> Members:
        """A selection of rows, by their numbers."""
        ids = tuple(self.ids[row] for row in rows)
        return replace(self, ids=ids, probabilities=self.probabilities[:, rows])

    def without(self, name: str) -> Members:
        """All members except one."""
        remaining = [number for number, member in enumerate(self.names) if member != name]
        names = tuple(self.names[number] for number in remaining)
        return replace(self, names=names, probabilities=self.probabilities[remaining])


def join(tables: dict[str, Predictions], targets: Targets = MULTICLASS) -> Members:
    """Join predictions by id. Members and rows are sorted, so the order of the input does not matter.

    Args:
        tables: the predictions of each recipe.
        targets: their kind.

    Raises:
        UserError: the predictions are for different rows or classes; the message says how many each has.
    """
    names = tuple(sorted(tables))
    first = tables[names[0]]
    rows = {name: set(tables[name].ids) for name in names}
    if any(ids_of_member != rows[names[0]] for ids_of_member in rows.values()):
        shared = len(set.intersection(*rows.values()))
        counts = ", ".join(f"{name} {len(ids_of_member):,}" for name, ids_of_member in rows.items())
        raise UserError(
            f"the members predict different rows: {counts}; {shared:,} in common.",
            "run them on the same folds: --set folds=",
        )
    if any(tables[name].classes != first.classes for name in names):
        counts = ", ".join(f"{name} {len(tables[name].classes):,}" for name in names)
        raise UserError(f"the members predict different classes: {counts}.", "blend recipes of the same classes")
    ids = tuple(sorted(first.ids))
    return Members(names, ids, first.classes, np.stack([tables[name].of(ids) for name in names]), targets)
