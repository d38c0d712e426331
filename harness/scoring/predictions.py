"""Predictions by id, the output of every recipe: probabilities of classes or labels, or a number."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from harness.utils.errors import UserError, short, some
from harness.utils.hdf5 import whole_h5

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray


@dataclass(frozen=True)
class Predictions:
    """Predictions for some rows.

    Args:
        ids: (n,) the rows' ids.
        classes: the columns' names: those of classes or labels, or "value".
        probabilities: (n, classes) float32. Of one class an image each row sums to one; of several labels each column
            stands for itself; of a number the only column holds it.
    """

    ids: tuple[str, ...]
    classes: tuple[str, ...]
    probabilities: Array

    def __post_init__(self) -> None:
        expected = (len(self.ids), len(self.classes))
        if self.probabilities.shape != expected:
            raise ValueError(f"probabilities must be (ids, classes) = {expected}. Received: {self.probabilities.shape}")
        if not np.isfinite(self.probabilities).all():
            bad_rows = int((~np.isfinite(self.probabilities)).any(axis=1).sum())
            raise ValueError(f"{bad_rows:,} of {len(self.ids):,} rows of probabilities are not finite numbers")

    def of(self, ids: Iterable[str]) -> Array:
        """The probabilities of some ids, in the order of ``ids``: (len(ids), classes).

        Raises:
            UserError: there is no prediction for an id.
        """
        ids = tuple(ids)
        if ids == self.ids:
            return self.probabilities
        row_of = {row_id: row for row, row_id in enumerate(self.ids)}
        if unknown := [short(row_id) for row_id in ids if row_id not in row_of]:
            raise UserError(
                f"there are no predictions of {len(unknown):,} of {len(ids):,} ids ({some(unknown, 3)}). "
                f"Known: {some([short(row_id) for row_id in self.ids[:3]])}"
                + (f" and {len(self.ids) - 3:,} more." if len(self.ids) > 3 else "."),
                "give ids that are in .ids of these predictions; other splits have other ids",
            )
        return self.probabilities[[row_of[row_id] for row_id in ids]]

    def to_frame(self) -> pd.DataFrame:
        """A table with a row an id and a column a class."""
        import pandas as pd

        return pd.DataFrame(self.probabilities, index=pd.Index(self.ids, name="id"), columns=[*self.classes])


def write(path: Path, made_from: str, tables: dict[str, Predictions]) -> None:
    """Write tables of predictions, one per split, to one HDF5 file, atomically."""
    with whole_h5(path) as h5:
        h5.attrs["made_from"] = made_from
        for name, table in tables.items():
            group = h5.create_group(name)
            group.attrs["classes"] = json.dumps(table.classes)
            group.attrs["checksum"] = _checksum(name, table)
            group.create_dataset("ids", data=list(table.ids), dtype=h5py.string_dtype())
            group.create_dataset("probabilities", data=table.probabilities.astype(np.float32))


def read(path: Path, made_from: str) -> dict[str, Predictions] | None:
    """The tables in a file, or None if it is missing or damaged, or its key is not ``made_from``."""
    try:
        with h5py.File(path, "r") as h5:
            if h5.attrs["made_from"] != made_from:
                return None
            tables = {}
            for name, group in h5.items():
                classes = tuple(json.loads(group.attrs["classes"]))
                tables[name] = Predictions(tuple(group["ids"].asstr()[:]), classes, group["probabilities"][:])
                if group.attrs["checksum"] != _checksum(name, tables[name]):
                    return None
            return tables
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError, MemoryError):  # h5py, if damaged
        return None


def _checksum(name: str, table: Predictions) -> int:
    labels = json.dumps([name, table.ids, table.classes])
    return zlib.crc32(table.probabilities.astype(np.float32).tobytes(), zlib.crc32(labels.encode()))


def mean(tables: list[Predictions], weights: list[float] | None = None) -> Predictions:
    """The (weighted) average of predictions for the same rows and classes, joined by id."""
    first = tables[0]
    for table in tables[1:]:
        if table.classes != first.classes or set(table.ids) != set(first.ids):
            raise ValueError("only predictions for the same rows and classes can be averaged")
    stacked = np.stack([table.of(first.ids) for table in tables])
    return Predictions(first.ids, first.classes, np.average(stacked, axis=0, weights=weights).astype(np.float32))
