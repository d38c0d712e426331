"""How a cache file stores its rows: plain, to be memory-mapped, or compressed, for small disks.

Both are ordinary HDF5 data sets with one row per image, and are indexed in the same way.
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

# Stored for every row, in any layout.
STATE = {"state": (np.uint8, ()), "checksums": (np.uint32, ())}
FLUSH_SECONDS = 2.0
SYNC_BYTES = 16 << 20
# At an unaligned offset, float32 rows would be read byte by byte.
ALIGNMENT = 64
# What h5py raises when it reads a damaged file, depending on the damage.
DAMAGE = (OSError, KeyError, ValueError, TypeError, RuntimeError, MemoryError, zlib.error)


@dataclass(frozen=True)
class Layout:
    """What a cache file holds for each image.

    Args:
        name: the name of the HDF5 data set: "images", "features".
        shape: the shape of one row.
        dtype: the type of its values.
        tables: further values of each row: (dtype, shape) by the table's name.
    """

    name: str
    shape: tuple[int, ...]
    dtype: type = np.uint8
    tables: Mapping[str, tuple[type, tuple[int, ...]]] = field(default_factory=dict)

    @property
    def row_bytes(self) -> int:
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize


class Rows(Protocol):
    """The interface of a cache's rows: their shape, and indexing by row numbers."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Array | slice | int) -> Array: ...


class CompressedRows:
    """Rows that are decompressed when they are indexed; none are kept in memory.

    Args:
        file: the cache file.
        name: the name of the HDF5 data set.
    """

    def __init__(self, file: Path, name: str) -> None:
        self._file = h5py.File(file, "r")
        self._rows, self.shape, self._dtype = self._file[name].id, self._file[name].shape, self._file[name].dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Array | slice | int) -> Array:
        if isinstance(rows, int | np.integer):
            return self._row(int(rows))
        row_numbers = np.arange(len(self))[rows]
        values = np.empty((len(row_numbers), *self.shape[1:]), self._dtype)
        for i, row in enumerate(row_numbers):
            values[i] = self._row(int(row))
        return values

    def _row(self, row: int) -> Array:
        _, content = self._rows.read_direct_chunk((row, *[0] * (len(self.shape) - 1)))
        return np.frombuffer(zlib.decompress(content), self._dtype).reshape(self.shape[1:])


def new_file(part: Path) -> h5py.File:
    """A file that was not there, open for writing; large data sets in it are aligned to ``ALIGNMENT`` bytes."""
    # Since version 1.8, HDF5 has checksums of its own metadata: a flipped bit there is an error, not a crash.
    return h5py.File(part, "x", libver=("v108", "v108"), alignment_threshold=4096, alignment_interval=ALIGNMENT)


def create(h5: h5py.File, layout: Layout, n: int, compressed: bool) -> None:
    """Allocate the rows and their tables, so that only their values remain to be written.

    The rows come last: if the disk is too small for them, everything else has been written.
    """
    shape = (n, *layout.shape)
    for name, (dtype, row_shape) in ({**STATE, **layout.tables}).items():
        h5.create_dataset(name, data=np.zeros((n, *row_shape), dtype))
    if compressed:
        chunks = (1, *layout.shape)
        h5.create_dataset(layout.name, shape, layout.dtype, chunks=chunks, compression="gzip", compression_opts=1)
        return
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.CONTIGUOUS)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    hdf5_type = h5py.h5t.py_create(np.dtype(layout.dtype), logical=True)
    h5py.h5d.create(h5.id, layout.name.encode(), hdf5_type, h5py.h5s.create_simple(shape), properties)


def open_rows(file: Path, rows: h5py.Dataset) -> Rows | None:
    """The rows of a cache file, for reading; None if the file is too short to hold them."""
    if rows.chunks is not None:
        return CompressedRows(file, rows.name)
    offset = rows.id.get_offset()
    if offset is None or file.stat().st_size < offset + rows.nbytes:
        return None
    # As a plain array: indexing a numpy memmap would create a memmap object for every batch.
    return np.memmap(file, rows.dtype, "r", offset, rows.shape).view(np.ndarray)


def checksums(values: Array) -> Array:
    """The checksum of each row: (n,) uint32."""
    return np.array([zlib.crc32(row) for row in values], np.uint32)


class Writer(Protocol):
    """Writes rows, or the values of rows in a table."""

    def put(self, name: str, rows: Array, values: Array) -> None: ...


@contextmanager
def writing(part: Path, layout: Layout) -> Iterator[Writer]:
    """A writer for an allocated file. After a kill, the rows' checksums tell which ones have been written."""
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
    """Writes at known offsets. On a full disk these raise an error, whereas a memory map would kill the process."""

    def __init__(self, file: io.FileIO, offsets: dict[str, int], pool: ThreadPoolExecutor) -> None:
        self._file, self._offsets, self._pool = file, offsets, pool
        self._syncing: Future[None] | None = None
        self._unsynced = 0

    def put(self, name: str, rows: Array, values: Array) -> None:
        for run in _runs(rows):
            self._file.seek(self._offsets[name] + int(rows[run.start]) * values[0].nbytes)
            unwritten = memoryview(np.ascontiguousarray(values[run]).data).cast("B")
            self._unsynced += len(unwritten)
            while len(unwritten):
                unwritten = unwritten[self._file.write(unwritten) :]
        # Sync in the background while the cores decode; a single sync at the end would take long.
        if self._unsynced > SYNC_BYTES and (self._syncing is None or self._syncing.done()):
            self._unsynced = 0
            self._syncing = self._pool.submit(os.fsync, self._file.fileno())


class _CompressedWriter:
    """Writes through h5py, which must be flushed now and then to save its metadata."""

    def __init__(self, h5: h5py.File, compressed: str) -> None:
        self._h5, self._compressed, self._flushed = h5, compressed, time.monotonic()

    def put(self, name: str, rows: Array, values: Array) -> None:
        if name == self._compressed:
            for row, value in zip(rows, values, strict=True):
                offset = (int(row), *[0] * (values.ndim - 1))
                self._h5[name].id.write_direct_chunk(offset, zlib.compress(value.tobytes(), 1))
            return
        self._h5[name][rows] = values
        if time.monotonic() - self._flushed > FLUSH_SECONDS:
            self._h5.flush()
            self._flushed = time.monotonic()


def _runs(rows: Array) -> list[slice]:
    """Slices of ``rows`` in which the row numbers are consecutive."""
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    edges = [0, *breaks.tolist(), len(rows)]
    return [slice(start, end) for start, end in itertools.pairwise(edges)]
