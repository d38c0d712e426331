"""Caches: what is made once of every image of a data set, in one HDF5 file that reads like memory.

The file is ordinary HDF5. Plain rows are contiguous, so they can be mapped into memory at the data set's
own offset: random rows then come many times as fast as through h5py's indexing.
"""

from __future__ import annotations

import concurrent.futures
import json
import os
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import h5py
import numpy as np

from harness.data.dataset import Dataset
from harness.data.rows import DAMAGE, STATE, Layout, Rows, open_rows
from harness.files import read_json, write_json

Array = np.ndarray

FORMAT = "harness cache 2"
PENDING, READABLE, UNREADABLE = 0, 1, 2
BLOCK = 64  # rows worked on at a time

# Modules whose code decides what any cache holds.
MODULES = ("data.cache", "data.cache_build", "data.rows")


class DamagedError(Exception):
    """A file that is not the cache it should be; it is never used, and made again."""


@dataclass(frozen=True)
class Cache:
    """An opened cache.

    Args:
        rows: (n, …) what is kept of each image, read-only; plain rows are mapped from the file.
        ids: the rows' ids, in the order of the data set.
        labels: (n,) int class numbers, -1 where there is none.
        splits: (n,) the rows' splits.
        readable: (n,) bool; False where a grey picture stands in for an unreadable image.
        classes: class names by number.
        tables: numbers kept beside each row, by name.
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
    """Some rows of a cache, made.

    Args:
        rows: row numbers.
        tables: their values, by the names of the layout and its tables; "state" and "checksums" too.
        unreadable: why images could not be read, by source.
    """

    rows: Array
    tables: dict[str, Array]
    unreadable: dict[str, str]


class Input(ABC):
    """What recipes read: something made of every image and kept in a cache. ``str()`` goes into the file's name."""

    kind: ClassVar[str]
    opened: ClassVar[type[Cache]] = Cache
    compressible: ClassVar[bool] = False

    @property
    @abstractmethod
    def layout(self) -> Layout:
        """What the cache holds of each image."""

    @abstractmethod
    def key(self, dataset: Dataset) -> str:
        """What the cache is made from, as a hash."""

    @abstractmethod
    def attributes(self) -> dict[str, Any]:
        """What the file tells about itself."""

    @abstractmethod
    def fill(self, dataset: Dataset, rows: Array) -> Iterator[Filled]:
        """Make some rows, block by block."""

    def summary(self, tables: dict[str, Array], training: Array) -> dict[str, Any]:
        """Attributes that are known once all rows are there, from their tables and the readable training rows."""
        return {}

    def path(self, folder: Path, made_from: str) -> Path:
        return folder / f"{self.kind}-{self}-{made_from[:8]}.h5"


def open_cache(file: Path, made_from: str | None = None, opened: type[Opened] = Cache) -> Opened:  # type: ignore[assignment]
    """Open a cache read-only, after checking that it is whole and is the one asked for.

    Its checksums are verified when the file was touched since they were last verified.

    Args:
        file: the HDF5 file.
        made_from: the key it must carry; None takes any.
        opened: what to give it as.

    Raises:
        DamagedError: foreign, stale, truncated or altered.
    """
    try:
        known = read_json(_verified(file)) == _stamp(file)
        with h5py.File(file, "r") as h5:
            if h5.attrs.get("format") != FORMAT:
                raise DamagedError("is no cache of this version")
            if made_from is not None and h5.attrs["made_from"] != made_from:
                raise DamagedError("was made from something else")
            if not h5.attrs["complete"]:
                raise DamagedError("is half built")
            rows = open_rows(file, h5[h5.attrs["rows"]])
            if rows is None:
                raise DamagedError("is cut off")
            if not known and h5.attrs["tables"] != tables_checksum(h5):
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
    if not known:
        bad = altered(cache.rows, checksums)
        if len(bad):
            raise DamagedError(f"has {len(bad):,} altered rows")
        remember_verified(file)
    return cache


def tables_checksum(h5: h5py.File) -> int:
    """A checksum of all that a cache holds beside the rows."""
    found = zlib.crc32(f"{h5.attrs['classes']} {h5.attrs['rows']} {h5.attrs['row_tables']}".encode())
    for name in ("ids", "splits"):
        found = zlib.crc32(b"\0".join(h5[name][:]), found)
    for name in ("labels", *STATE, *json.loads(h5.attrs["row_tables"])):
        found = zlib.crc32(h5[name][:], found)
    return found


def altered(rows: Rows, checksums: Array) -> Array:
    """The numbers of the rows that do not have their checksum."""

    def wrong(block: range) -> list[int]:
        return [row for row in block if not _intact(rows, row, checksums[row])]

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return np.array([row for found in pool.map(wrong, blocks(len(rows))) for row in found], dtype=np.int64)


def _intact(rows: Rows, row: int, checksum: int) -> bool:
    try:
        return zlib.crc32(rows[row].data) == checksum
    except DAMAGE:  # a compressed row is missing or not whole
        return False


def is_built(file: Path, made_from: str) -> bool:
    """Whether the cache is there and whole, without verifying its rows; for ``status``."""
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
    """Note that the rows of the file as it is now have been verified."""
    write_json(_verified(file), _stamp(file))


def forget_verified(file: Path) -> None:
    """Have the next opening verify the rows again."""
    _verified(file).unlink(missing_ok=True)


def _verified(file: Path) -> Path:
    return file.with_name(f".{file.name}.verified")


def _stamp(file: Path) -> dict[str, int]:
    stat = file.stat()
    return {"size": stat.st_size, "changed": stat.st_mtime_ns, "inode": stat.st_ino}
