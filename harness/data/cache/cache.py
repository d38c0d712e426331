"""Caches: what is computed once from every image of a data set, in one HDF5 file that is read through a memory map.

The file is ordinary HDF5. Plain rows are contiguous, so they can be mapped into memory at the offset of their HDF5
data set. Reading random rows is then many times as fast as with h5py's indexing.
"""

from __future__ import annotations

import contextlib
import json
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import h5py
import numpy as np

from harness.data.cache.rows import DAMAGE, STATE, Layout, Rows, open_rows
from harness.data.dataset import Dataset
from harness.utils.console import doing
from harness.utils.files import read_json, write_json
from harness.utils.parallel import each

Array = np.ndarray

FORMAT = "harness cache 2"
PENDING, READABLE, UNREADABLE = 0, 1, 2
BLOCK = 64  # rows computed at a time


class DamagedError(Exception):
    """The file is not a valid cache for its input; it is never used but built again."""


@dataclass(frozen=True)
class Cache:
    """An open cache.

    Args:
        rows: (n, …) the values of each image, read-only; plain rows are mapped from the file.
        ids: the rows' ids, in the order of the data set.
        labels: (n,) int class numbers, -1 for images without a label.
        splits: (n,) the rows' splits.
        readable: (n,) bool; False where a grey image replaces an unreadable one.
        classes: class names by number.
        tables: further values of each row, by the table's name.
    """

    rows: Rows
    ids: tuple[str, ...]
    labels: Array
    splits: Array
    readable: Array
    classes: tuple[str, ...]
    tables: dict[str, Array]


Opened = TypeVar("Opened", bound=Cache)


@dataclass(frozen=True)
class Filled:
    """Some computed rows of a cache.

    Args:
        rows: row numbers.
        tables: the values by name: the layout's rows and tables, "state" and "checksums".
        unreadable: why images could not be read, by source.
    """

    rows: Array
    tables: dict[str, Array]
    unreadable: dict[str, str]


class Input(ABC):
    """The input of a recipe: values computed from every image, kept in a cache. ``str()`` is part of its file name."""

    kind: ClassVar[str]
    opened: ClassVar[type[Cache]] = Cache
    compressible: ClassVar[bool] = False

    @property
    @abstractmethod
    def layout(self) -> Layout:
        """What the cache holds for each image."""

    @abstractmethod
    def key(self, dataset: Dataset) -> str:
        """A hash of everything the cache is made from."""

    @abstractmethod
    def attributes(self) -> dict[str, Any]:
        """The file's HDF5 attributes that describe this input."""

    @abstractmethod
    def fill(self, dataset: Dataset, rows: Array) -> Iterator[Filled]:
        """Compute some rows, block by block."""

    def summary(self, tables: dict[str, Array], training: Array) -> dict[str, Any]:
        """Attributes that are computed when the build is complete, from the tables and the readable training rows."""
        return {}

    def path(self, folder: Path, made_from: str) -> Path:
        return folder / f"{self.kind}-{self}-{made_from[:8]}.h5"


def open_cache(file: Path, made_from: str | None = None, opened: type[Opened] = Cache) -> Opened:  # type: ignore[assignment]
    """Open a cache read-only, after checking that it is complete and has the expected key.

    The checksums are verified if the file has been modified since the last verification.

    Args:
        file: the HDF5 file.
        made_from: the expected key; None accepts any.
        opened: the class of the result.

    Raises:
        DamagedError: the file is not a cache, or is stale, truncated or altered.
    """
    try:
        is_verified = read_json(_verified_file(file)) == _file_stamp(file)
        with h5py.File(file, "r") as h5:
            if h5.attrs.get("format") != FORMAT:
                raise DamagedError("is not a cache of this version")
            if made_from is not None and h5.attrs["made_from"] != made_from:
                raise DamagedError("was made from other data or settings")
            if not h5.attrs["complete"]:
                raise DamagedError("is half built")
            rows = open_rows(file, h5[h5.attrs["rows"]])
            if rows is None:
                raise DamagedError("is cut off")
            if not is_verified and h5.attrs["tables"] != tables_checksum(h5):
                raise DamagedError("has altered tables")
            checksums = h5["checksums"][:]
            cache = opened(
                rows=rows,
                ids=tuple(h5["ids"].asstr()[:]),
                labels=h5["labels"][:],
                splits=h5["splits"].asstr()[:].astype("U8"),
                readable=h5["state"][:] == READABLE,
                classes=tuple(json.loads(h5.attrs["classes"])),
                tables={name: h5[name][:] for name in json.loads(h5.attrs["row_tables"])},
            )
    except DAMAGE as error:
        raise DamagedError(f"cannot be read ({type(error).__name__})") from error
    if not is_verified:
        with doing(f"verifying {file.name}"):
            altered_rows = altered(cache.rows, checksums)
        if len(altered_rows):
            raise DamagedError(f"has {len(altered_rows):,} altered row{'s' if len(altered_rows) > 1 else ''}")
        remember_verified(file)
    return cache


def tables_checksum(h5: h5py.File) -> int:
    """A checksum of everything in a cache except its rows."""
    checksum = zlib.crc32(f"{h5.attrs['classes']} {h5.attrs['rows']} {h5.attrs['row_tables']}".encode())
    for name in ("ids", "splits"):
        checksum = zlib.crc32(b"\0".join(h5[name][:]), checksum)
    for name in ("labels", *STATE, *json.loads(h5.attrs["row_tables"])):
        checksum = zlib.crc32(h5[name][:], checksum)
    return checksum


def altered(rows: Rows, checksums: Array) -> Array:
    """The numbers of the rows whose checksum is wrong."""

    def altered_in(block: range) -> list[int]:
        return [row for row in block if not _is_intact(rows, row, checksums[row])]

    found = each(altered_in, blocks(len(rows)), shares=True)
    return np.array([row for rows_of_block in found for row in rows_of_block], dtype=np.int64)


def _is_intact(rows: Rows, row: int, checksum: int) -> bool:
    try:
        return zlib.crc32(rows[row].data) == checksum
    except DAMAGE:  # a compressed row is missing or truncated
        return False


def is_built(file: Path, made_from: str) -> bool:
    """Whether the cache exists and is complete, without verifying its rows; for ``status``."""
    try:
        with h5py.File(file, "r") as h5:
            return bool(
                h5.attrs.get("format") == FORMAT and h5.attrs["made_from"] == made_from and h5.attrs["complete"]
            )
    except DAMAGE:
        return False


def blocks(n: int, size: int = BLOCK) -> list[range]:
    return [range(start, min(start + size, n)) for start in range(0, n, size)]


def remember_verified(file: Path) -> None:
    """Record that the rows of the file in its present state are verified."""
    with contextlib.suppress(OSError):  # on a read-only disk they are verified again the next time
        write_json(_verified_file(file), _file_stamp(file))


def forget_verified(file: Path) -> None:
    """Make the next ``open_cache`` verify the rows again."""
    _verified_file(file).unlink(missing_ok=True)


def _verified_file(file: Path) -> Path:
    return file.with_name(f".{file.name}.verified")


def _file_stamp(file: Path) -> dict[str, int]:
    stat = file.stat()
    # The time of the last change of any kind: unlike that of the last write, no program can set it back.
    times = {"written": stat.st_mtime_ns, "changed": stat.st_ctime_ns}
    return {"size": stat.st_size, "inode": stat.st_ino} | times
