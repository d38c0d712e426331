"""The two forms in which a cache keeps its pixels: plain, which maps into memory, and compressed, for small disks.

Both are ordinary HDF5 data sets "images" of shape (n, height, width, 3), uint8. Readers index either the same way.
"""

from __future__ import annotations

import io
import os
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import h5py
import numpy as np

Array = np.ndarray

# One number or triple for each image, kept beside the pixels.
ROW_TABLES = {"state": (np.uint8, ()), "checksums": (np.uint32, ()), "sums": (np.float64, (3,))} | {
    "square_sums": (np.float64, (3,))
}
FLUSH_SECONDS = 2.0
SYNC_BYTES = 16 << 20
# What reading a damaged file through h5py raises, by what is damaged.
DAMAGE = (OSError, KeyError, ValueError, TypeError, RuntimeError, MemoryError, zlib.error)


class Pixels(Protocol):
    """What a reader of a cache may rely on: the shape, and indexing by row numbers."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Array | slice | int) -> Array: ...


class CompressedPixels:
    """Rows inflated as they are asked for; memory stays flat.

    Args:
        file: the cache.
        shape: (n, height, width, 3).
    """

    def __init__(self, file: Path, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self._file = h5py.File(file, "r")
        self._images = self._file["images"].id

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Array | slice | int) -> Array:
        if isinstance(rows, int | np.integer):
            return self._row(int(rows))
        numbers = np.arange(len(self))[rows]
        found = np.empty((len(numbers), *self.shape[1:]), np.uint8)
        for i, row in enumerate(numbers):
            found[i] = self._row(int(row))
        return found

    def _row(self, row: int) -> Array:
        _, content = self._images.read_direct_chunk((row, 0, 0, 0))
        return np.frombuffer(zlib.decompress(content), np.uint8).reshape(self.shape[1:])


def create(h5: h5py.File, shape: tuple[int, ...], compressed: bool) -> None:
    """Lay out the pixels and the row tables, empty, so that writing them is all there is left to do."""
    for name, (dtype, row) in ROW_TABLES.items():
        h5.create_dataset(name, data=np.zeros((shape[0], *row), dtype))
    if compressed:
        h5.create_dataset("images", shape, np.uint8, chunks=(1, *shape[1:]), compression="gzip", compression_opts=1)
        return
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.CONTIGUOUS)
    plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    plist.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    h5py.h5d.create(h5.id, b"images", h5py.h5t.NATIVE_UINT8, h5py.h5s.create_simple(shape), plist)


def open_pixels(file: Path, images: h5py.Dataset) -> Pixels | None:
    """The pixels of an open cache file for reading; None where the file is too short to hold them."""
    if images.chunks is not None:
        return CompressedPixels(file, images.shape)
    offset = images.id.get_offset()
    if offset is None or file.stat().st_size < offset + int(np.prod(images.shape)):
        return None
    # As a plain array: indexing numpy's memmap class makes one of its own for every batch.
    return np.memmap(file, np.uint8, "r", offset, images.shape).view(np.ndarray)


class Writer(Protocol):
    """Puts consecutive rows of "images" or a row table."""

    def put(self, name: str, first: int, values: Array) -> None: ...


@contextmanager
def writing(part: Path) -> Iterator[Writer]:
    """A writer for a laid-out file. What it wrote survives a kill, as far as the rows' checksums tell."""
    with h5py.File(part, "r") as h5:
        compressed = h5["images"].chunks is not None
        offsets = {} if compressed else {name: h5[name].id.get_offset() for name in ("images", *ROW_TABLES)}
    if compressed:
        with h5py.File(part, "r+") as h5:
            yield _CompressedWriter(h5)
    else:
        with part.open("rb+", buffering=0) as file, ThreadPoolExecutor(1) as pool:
            yield _PlainWriter(file, offsets, pool)


class _PlainWriter:
    """Plain writes at known offsets, not a memory map: on a full disk these raise, and a map would kill the process."""

    def __init__(self, file: io.FileIO, offsets: dict[str, int], pool: ThreadPoolExecutor) -> None:
        self._file, self._offsets, self._pool = file, offsets, pool
        self._syncing: Future[None] | None = None
        self._unsynced = 0

    def put(self, name: str, first: int, values: Array) -> None:
        self._file.seek(self._offsets[name] + first * values[0].nbytes)
        view = memoryview(np.ascontiguousarray(values).data).cast("B")
        self._unsynced += len(view)
        while len(view):
            view = view[self._file.write(view) :]
        # The disk works while the cores decode; left to the end, it would be waited for.
        if self._unsynced > SYNC_BYTES and (self._syncing is None or self._syncing.done()):
            self._unsynced = 0
            self._syncing = self._pool.submit(os.fsync, self._file.fileno())


class _CompressedWriter:
    """Through h5py, which must be told to put its tables on the disk now and then."""

    def __init__(self, h5: h5py.File) -> None:
        self._h5, self._flushed = h5, time.monotonic()

    def put(self, name: str, first: int, values: Array) -> None:
        if name == "images":
            for row, image in enumerate(values, first):
                self._h5["images"].id.write_direct_chunk((row, 0, 0, 0), zlib.compress(image.tobytes(), 1))
            return
        self._h5[name][first : first + len(values)] = values
        if time.monotonic() - self._flushed > FLUSH_SECONDS:
            self._h5.flush()
            self._flushed = time.monotonic()
