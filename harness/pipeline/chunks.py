"""Chunks of a cache's rows: computed by several processes into files of their own, from which one writes the cache."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from harness.data.cache.cache import Filled, Input
from harness.data.dataset import Dataset
from harness.training.checkpoint import DAMAGE
from harness.utils.files import whole

Array = np.ndarray

# Starting a process and its network takes as long as some hundreds of rows; a kill loses at most a chunk.
FEWEST, MOST = 256, 20_000


def parted(rows: Array, slots: int) -> list[Array]:
    """Rows in parts of about the same size, as many as there are workers or a multiple of that."""
    rounds = -(-len(rows) // (slots * MOST))
    return np.array_split(rows, max(1, min(rounds * slots, len(rows) // FEWEST)))


def runs(rows: Array) -> list[list[int]]:
    """Ascending row numbers as [first, last] of each run of consecutive ones."""
    breaks = np.flatnonzero(np.diff(rows) != 1)
    firsts, lasts = np.append(0, breaks + 1), np.append(breaks, len(rows) - 1)
    return [[int(rows[first]), int(rows[last])] for first, last in zip(firsts, lasts, strict=True)]


def write(file: Path, key: str, input: Input, dataset: Dataset, of: list[list[int]]) -> None:
    """Compute some rows into a file, completely or not at all.

    Args:
        file: a .npz file.
        key: the cache's.
        input: computes the rows.
        dataset: the images.
        of: the rows, as ``runs`` gives them.
    """
    rows = np.concatenate([np.arange(first, last + 1) for first, last in of])
    parts = list(input.fill(dataset, rows))
    tables = {f"table {name}": np.concatenate([part.tables[name] for part in parts]) for name in parts[0].tables}
    about = {"key": key, "unreadable": {source: why for part in parts for source, why in part.unreadable.items()}}
    arrays: dict[str, Any] = {
        "about": np.frombuffer(json.dumps(about).encode(), np.uint8),
        "rows": np.concatenate([part.rows for part in parts]),
        **tables,
    }
    with whole(file) as temporary:
        np.savez(temporary, **arrays)


def read(file: Path, key: str) -> Filled:
    """What ``write`` put into a file.

    Raises:
        ValueError: it is of another cache.
        OSError, KeyError, zipfile.BadZipFile: it is missing or damaged.
    """
    with np.load(file, allow_pickle=False) as arrays:
        about = json.loads(arrays["about"].tobytes())
        if about["key"] != key:
            raise ValueError(f"{file} holds rows of another cache")
        tables = {name.removeprefix("table "): arrays[name] for name in arrays.files if name.startswith("table ")}
        return Filled(arrays["rows"], tables, about["unreadable"])


def found(folder: Path, key: str) -> Iterator[Filled]:
    """The whole chunks of a cache that a folder holds."""
    for file in sorted(folder.glob("[!.]*.npz")):
        try:
            chunk = read(file, key)
        except DAMAGE:
            file.unlink(missing_ok=True)
            continue
        yield chunk
