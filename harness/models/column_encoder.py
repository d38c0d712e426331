"""Columns of numbers and categories as features: standardised numbers, one-hot categories, fitted to training rows.

What is fitted are plain numbers and names, kept as JSON. An exported run carries a copy of this module, so it imports
little.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from harness.data.columns import Columns
from harness.utils.errors import UserError, some

Array = np.ndarray

# A category of fewer training rows is taken together with the others like it, and with those that training lacks.
RARE = 5


@dataclass(frozen=True)
class Number:
    """A column of numbers: standardised; a number that is missing is the mean, and has a mark where training had any.

    Args:
        mean, deviation: of the training rows that have a number.
        marked: whether a training row had none.
    """

    mean: float
    deviation: float
    marked: bool


@dataclass(frozen=True)
class Categories:
    """A column of categories: a feature each, an empty cell being a category too.

    Args:
        names: those of at least ``RARE`` training rows.
        others: whether training had rarer ones, which share one feature with the unknown; else the unknown have none.
    """

    names: tuple[str, ...]
    others: bool


@dataclass(frozen=True)
class ColumnEncoder:
    """Fitted columns, by name."""

    numbers: dict[str, Number]
    categories: dict[str, Categories]

    @property
    def width(self) -> int:
        """How many features it makes."""
        of_numbers = sum(1 + number.marked for number in self.numbers.values())
        return of_numbers + sum(len(one.names) + one.others for one in self.categories.values())

    def encode(self, columns: Columns) -> Array:
        """The features of images: (n, width) float32.

        Raises:
            UserError: columns are missing, or cells hold no numbers.
        """
        missing = [name for name in (*self.numbers, *self.categories) if name not in columns.cells]
        if missing:
            raise UserError(
                f"the images come without the columns {some(missing, 5)}, which the model reads.",
                "give a CSV with the column path and these: path," + ",".join((*self.numbers, *self.categories)),
            )
        parts: list[Array] = []
        for name, number in self.numbers.items():
            values = columns.of_numbers(name)
            is_missing = np.isnan(values)
            parts.append(np.where(is_missing, 0, (values - number.mean) / number.deviation))
            if number.marked:
                parts.append(is_missing)
        for name, one in self.categories.items():
            cells = columns.cells[name]
            parts += [cells == category for category in one.names]
            if one.others:
                parts.append(~np.isin(cells, one.names))
        return np.stack(parts, axis=1).astype(np.float32) if parts else np.empty((0, 0), np.float32)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of_json(cls, about: dict[str, Any]) -> ColumnEncoder:
        """The encoder of ``as_json``.

        Raises:
            KeyError, TypeError: it is none.
        """
        return cls(
            {name: Number(**number) for name, number in about["numbers"].items()},
            {name: Categories(tuple(one["names"]), one["others"]) for name, one in about["categories"].items()},
        )


def fit(columns: Columns) -> ColumnEncoder:
    """Fit an encoder to the columns of training rows alone."""
    numbers, categories = {}, {}
    for name, cells in columns.cells.items():
        if name in columns.numbers:
            values = columns.of_numbers(name)
            known = values[~np.isnan(values)]
            deviation = float(known.std()) if len(known) else 0.0
            mean = float(known.mean()) if len(known) else 0.0
            # A constant column is left with rounding errors only, which must not be made large.
            is_constant = deviation <= 1e-12 * max(1.0, abs(mean))
            numbers[name] = Number(mean, 1.0 if is_constant else deviation, len(known) < len(values))
        else:
            found, counts = np.unique(cells, return_counts=True)
            names = tuple(found[counts >= RARE].tolist())
            categories[name] = Categories(names, len(names) < len(found))
    return ColumnEncoder(numbers, categories)
