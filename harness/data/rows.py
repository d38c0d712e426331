"""How a cache file keeps its rows: plain, which maps into memory, or compressed, for small disks.

Both are ordinary HDF5 data sets with a row an image. Readers index either the same way.
"""

from __future__ import annotations

import io
import itertools
import os
import time
import zlib
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import h5py
import numpy as np

Array = np.ndarray

# Kept beside every row.
STATE = {"state": (np.uint8, ()), "checksums": (np.uint32, ())}
FLUSH_SECONDS = 2.0
SYNC_BYTES = 16 << 20
# Rows of float32 that begin elsewhere would be read byte by byte.
ALIGNMENT = 64
# What reading a damaged file through h5py raises, by what is damaged.
DAMAGE = (OSError, KeyError, ValueError, TypeError, RuntimeError, MemoryError, zlib.error)


@dataclass(frozen=True)
class Layout:
    """What a cache file holds of each image.

    Args:
        name: the HDF5 data set's: "images", "features".
        shape: of one row.
        dtype: of its numbers.
        tables: numbers kept beside each row: (dtype, shape) by name.
    """

    name: str
    shape: tuple[int, ...]
    dtype: type = np.uint8
    tables: Mapping[str, tuple[type, tuple[int, ...]]] = field(default_factory=dict)

    @property
    def row_bytes(self) -> int:
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize


class Rows(Protocol):
    """What a reader of a cache may rely on: the shape, and indexing by row numbers."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Array | slice | int) -> Array: ...


class CompressedRows:
    """Rows inflated as they are asked for; memory stays flat.

    Args:
        file: the cache.
        name: the data set's.
    """

    def __init__(self, file: Path, name: str) -> None:
        self._file = h5py.File(file, "r")
        self._rows, self.shape, self._dtype = self._file[name].id, self._file[name].shape, self._file[name].dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Array | slice | int) -> Array:
        if isinstance(rows, int | np.integer):
            return self._row(int(rows))
        numbers = np.arange(len(self))[rows]
        found = np.empty((len(numbers), *self.shape[1:]), self._dtype)
        for i, row in enumerate(numbers):
            found[i] = self._row(int(row))
        return found

    def _row(self, row: int) -> Array:
        _, content = self._rows.read_direct_chunk((row, *[0] * (len(self.shape) - 1)))
        return np.frombuffer(zlib.decompress(content), self._dtype).reshape(self.shape[1:])


def new_file(part: Path) -> h5py.File:
    """An empty file, open for writing, in which large data sets begin at multiples of ``ALIGNMENT``."""
    # From version 1.8 on, HDF5 checksums its own tables: a flipped bit there is an error and not a crash.
    return h5py.File(part, "w", libver=("v108", "v108"), alignment_threshold=4096, alignment_interval=ALIGNMENT)


def create(h5: h5py.File, layout: Layout, n: int, compressed: bool) -> None:
    """Lay out the rows and their tables, empty, so that writing them is all there is left to do.

    The rows come last: on a disk too small for them, all else has been written.
    """
    shape = (n, *layout.shape)
    for name, (dtype, row) in ({**STATE, **layout.tables}).items():
        h5.create_dataset(name, data=np.zeros((n, *row), dtype))
    if compressed:
        chunks = (1, *layout.shape)
        h5.create_dataset(layout.name, shape, layout.dtype, chunks=chunks, compression="gzip", compression_opts=1)
        return
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.CONTIGUOUS)
    plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    plist.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    kind = h5py.h5t.py_create(np.dtype(layout.dtype), logical=True)
    h5py.h5d.create(h5.id, layout.name.encode(), kind, h5py.h5s.create_simple(shape), plist)


def open_rows(file: Path, rows: h5py.Dataset) -> Rows | None:
    """The rows of an open cache file for reading; None where the file is too short to hold them."""
    if rows.chunks is not None:
        return CompressedRows(file, rows.name)
    offset = rows.id.get_offset()
    if offset is None or file.stat().st_size < offset + rows.nbytes:
        return None
    # As a plain array: indexing numpy's memmap class makes one of its own for every batch.
    return np.memmap(file, rows.dtype, "r", offset, rows.shape).view(np.ndarray)


def checksums(values: Array) -> Array:
    """Of each row: (n,) uint32."""
    return np.array([zlib.crc32(row) for row in values], np.uint32)


class Writer(Protocol):
    """Puts rows, or their numbers in a table."""

    def put(self, name: str, rows: Array, values: Array) -> None: ...


@contextmanager
def writing(part: Path, layout: Layout) -> Iterator[Writer]:
    """A writer for a laid-out file. What it wrote survives a kill, as far as the rows' checksums tell."""
    names = (layout.name, *STATE, *layout.tables)
    with h5py.File(part, "r") as h5:
        compressed = h5[layout.name].chunks is not None
        offsets = {} if compressed else {name: h5[name].id.get_offset() for name in names}
    if compressed:
        with h5py.File(part, "r+") as h5:
            yield _CompressedWriter(h5, layout.name)
    else:
        with part.open("rb+", buffering=0) as file, ThreadPoolExecutor(1) as pool:
            yield _PlainWriter(file, offsets, pool)


class _PlainWriter:
    """Plain writes at known offsets, not a memory map: on a full disk these raise, and a map would kill the process."""

    def __init__(self, file: io.FileIO, offsets: dict[str, int], pool: ThreadPoolExecutor) -> None:
        self._file, self._offsets, self._pool = file, offsets, pool
        self._syncing: Future[None] | None = None
        self._unsynced = 0

    def put(self, name: str, rows: Array, values: Array) -> None:
        for run in _runs(rows):
            self._file.seek(self._offsets[name] + int(rows[run.start]) * values[0].nbytes)
            view = memoryview(np.ascontiguousarray(values[run]).data).cast("B")
            self._unsynced += len(view)
            while len(view):
                view = view[self._file.write(view) :]
        # The disk works while the cores decode; left to the end, it would be waited for.
        if self._unsynced > SYNC_BYTES and (self._syncing is None or self._syncing.done()):
            self._unsynced = 0
            self._syncing = self._pool.submit(os.fsync, self._file.fileno())


class _CompressedWriter:
    """Through h5py, which must be told to put its tables on the disk now and then."""

    def __init__(self, h5: h5py.File, compressed: str) -> None:
        self._h5, self._compressed, self._flushed = h5, compressed, time.monotonic()

    def put(self, name: str, rows: Array, values: Array) -> None:
        if name == self._compressed:
            for row, value in zip(rows, values, strict=True):
                chunk = (int(row), *[0] * (values.ndim - 1))
                self._h5[name].id.write_direct_chunk(chunk, zlib.compress(value.tobytes(), 1))
            return
        self._h5[name][rows] = values
        if time.monotonic() - self._flushed > FLUSH_SECONDS:
            self._h5.flush()
            self._flushed = time.monotonic()


def _runs(rows: Array) -> list[slice]:
    """Slices of consecutive row numbers."""
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    edges = [0, *breaks.tolist(), len(rows)]
    return [slice(a, b) for a, b in itertools.pairwise(edges)]
