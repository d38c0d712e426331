"""Class probabilities by id: what every recipe gives, whatever it is made of."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from harness.files import whole

Array = np.ndarray

OUT_OF_FOLD, HOLDOUT, TEST = "out_of_fold", "holdout", "test"


@dataclass(frozen=True)
class Predictions:
    """Probabilities for some rows.

    Args:
        ids: (n,) the rows' ids.
        classes: class names, by column.
        probabilities: (n, classes) float32; each row sums to one.
    """

    ids: tuple[str, ...]
    classes: tuple[str, ...]
    probabilities: Array

    def __post_init__(self) -> None:
        expected = (len(self.ids), len(self.classes))
        if self.probabilities.shape != expected:
            raise ValueError(f"probabilities must be (ids, classes) = {expected}. Received: {self.probabilities.shape}")
        if not np.isfinite(self.probabilities).all():
            bad = int((~np.isfinite(self.probabilities)).any(axis=1).sum())
            raise ValueError(f"{bad:,} of {len(self.ids):,} rows of probabilities are not finite numbers")

    def of(self, ids: tuple[str, ...]) -> Array:
        """The probabilities of the given ids, in their order: (len(ids), classes).

        Raises:
            KeyError: an id is not here.
        """
        if ids == self.ids:
            return self.probabilities
        where = {name: row for row, name in enumerate(self.ids)}
        return self.probabilities[[where[name] for name in ids]]


def write(path: Path, made_from: str, tables: dict[str, Predictions]) -> None:
    """Keep tables of predictions (one a split) in one HDF5 file, written whole."""
    # From version 1.8 on, HDF5 checksums its own tables: a flipped bit there is an error and not a crash.
    with whole(path) as temporary, h5py.File(temporary, "w", libver=("v108", "v108")) as h5:
        h5.attrs["made_from"] = made_from
        for name, table in tables.items():
            group = h5.create_group(name)
            group.attrs["classes"] = json.dumps(table.classes)
            group.attrs["checksum"] = _checksum(name, table)
            group.create_dataset("ids", data=list(table.ids), dtype=h5py.string_dtype())
            group.create_dataset("probabilities", data=table.probabilities.astype(np.float32))


def read(path: Path, made_from: str) -> dict[str, Predictions] | None:
    """The tables kept in a file, or None where it is missing, damaged, or made from something else."""
    try:
        with h5py.File(path, "r") as h5:
            if h5.attrs["made_from"] != made_from:
                return None
            found = {}
            for name, group in h5.items():
                classes = tuple(json.loads(group.attrs["classes"]))
                found[name] = Predictions(tuple(group["ids"].asstr()[:]), classes, group["probabilities"][:])
                if group.attrs["checksum"] != _checksum(name, found[name]):
                    return None
            return found
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError, MemoryError):  # h5py over damage
        return None


def _checksum(name: str, table: Predictions) -> int:
    names = json.dumps([name, table.ids, table.classes])
    return zlib.crc32(table.probabilities.astype(np.float32).tobytes(), zlib.crc32(names.encode()))


def mean(tables: list[Predictions], weights: list[float] | None = None) -> Predictions:
    """The (weighted) average of predictions for the same rows and classes, joined by id."""
    first = tables[0]
    for table in tables[1:]:
        if table.classes != first.classes or set(table.ids) != set(first.ids):
            raise ValueError("only predictions for the same rows and classes can be averaged")
    stacked = np.stack([table.of(first.ids) for table in tables])
    return Predictions(first.ids, first.classes, np.average(stacked, axis=0, weights=weights).astype(np.float32))
