"""Several recipes' predictions for the same rows, joined by id."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.errors import UserError
from harness.predictions import Predictions

Array = np.ndarray


@dataclass(frozen=True)
class Members:
    """Predictions of several recipes for the same rows and classes.

    Args:
        names: (m,) the recipes' names, sorted.
        ids: (n,) the rows' ids, sorted.
        classes: (k,) class names, by column.
        probabilities: (m, n, k) float32.
    """

    names: tuple[str, ...]
    ids: tuple[str, ...]
    classes: tuple[str, ...]
    probabilities: Array

    def at(self, rows: Array) -> Members:
        """Some of the rows, given by their numbers."""
        return Members(self.names, tuple(self.ids[row] for row in rows), self.classes, self.probabilities[:, rows])

    def without(self, name: str) -> Members:
        """All members but one."""
        kept = [number for number, other in enumerate(self.names) if other != name]
        return Members(tuple(self.names[i] for i in kept), self.ids, self.classes, self.probabilities[kept])


def join(tables: dict[str, Predictions]) -> Members:
    """Join predictions by id. Members and rows are sorted, so that the order they come in decides nothing.

    Args:
        tables: by recipe.

    Raises:
        UserError: they are for different rows or classes; says how many each has.
    """
    names = tuple(sorted(tables))
    first = tables[names[0]]
    rows = {name: set(tables[name].ids) for name in names}
    if any(found != rows[names[0]] for found in rows.values()):
        shared = len(set.intersection(*rows.values()))
        counts = ", ".join(f"{name} {len(found):,}" for name, found in rows.items())
        raise UserError(
            f"the members predict different rows: {counts}; {shared:,} in common.",
            "run them on the same folds: --set folds=",
        )
    if any(tables[name].classes != first.classes for name in names):
        counts = ", ".join(f"{name} {len(tables[name].classes):,}" for name in names)
        raise UserError(f"the members predict different classes: {counts}.", "blend recipes of the same classes")
    ids = tuple(sorted(first.ids))
    return Members(names, ids, first.classes, np.stack([tables[name].of(ids) for name in names]))
