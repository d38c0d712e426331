"""The image cache: every image of a data set at one size, in one HDF5 file that reads like memory.

The file is ordinary HDF5. Plain pixels are contiguous, so they can be mapped into memory at the data set's
own offset: random rows then come many times as fast as through h5py's indexing.
"""

from __future__ import annotations

import concurrent.futures
import json
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import h5py
import numpy as np

from harness import fingerprint as fp
from harness.data.dataset import Dataset
from harness.data.images import Geometry
from harness.data.pixels import DAMAGE, ROW_TABLES, Pixels, open_pixels
from harness.files import read_json, write_json

Array = np.ndarray

FORMAT = "harness image cache 1"
PENDING, READABLE, UNREADABLE = 0, 1, 2
BLOCK = 64  # rows decoded by one thread at a time


class DamagedError(Exception):
    """A file that is not the cache it should be; it is never used, and made again."""


@dataclass(frozen=True)
class ImageCache:
    """An opened cache.

    Args:
        images: (n, height, width, 3) uint8 RGB, read-only; plain ones are mapped from the file.
        ids: the rows' ids, in the order of the data set.
        labels: (n,) int class numbers, -1 where there is none.
        splits: (n,) the rows' splits.
        readable: (n,) bool; False where a grey picture stands in for an unreadable image.
        classes: class names by number.
        sums: (n, 3) the sum of each channel of each image.
        square_sums: (n, 3) the sum of squares.
    """

    images: Pixels
    ids: tuple[str, ...]
    labels: Array
    splits: Array
    readable: Array
    classes: tuple[str, ...]
    sums: Array
    square_sums: Array

    def mean(self, rows: Array) -> Array:
        """Per-channel mean over some rows: (3,) R, G, B in 0…255. Give it training rows only."""
        return self.sums[rows].sum(axis=0) / (len(rows) * self._pixels)

    def deviation(self, rows: Array) -> Array:
        """Per-channel standard deviation over some rows: (3,)."""
        variance = self.square_sums[rows].sum(axis=0) / (len(rows) * self._pixels) - self.mean(rows) ** 2
        return np.sqrt(np.maximum(variance, 0))

    @property
    def _pixels(self) -> int:
        return self.images.shape[1] * self.images.shape[2]


def key(geometry: Geometry, dataset: Dataset) -> str:
    """What a cache is made from, as a hash."""
    return fp.fingerprint(
        geometry=geometry,
        dataset=dataset.fingerprint,
        opencv=cv2.__version__,
        code=fp.code("data.images", "data.cache", "data.cache_build", "data.pixels"),
    )


def path(folder: Path, geometry: Geometry, made_from: str) -> Path:
    return folder / f"images-{geometry}-{made_from[:8]}.h5"


def open_cache(file: Path, made_from: str | None = None) -> ImageCache:
    """Open a cache read-only, after checking that it is whole and is the one asked for.

    Its checksums are verified when the file was touched since they were last verified.

    Args:
        file: the HDF5 file.
        made_from: the key it must carry; None takes any.

    Raises:
        DamagedError: foreign, stale, truncated or altered.
    """
    try:
        known = read_json(_verified(file)) == _stamp(file)
        with h5py.File(file, "r") as h5:
            if h5.attrs.get("format") != FORMAT:
                raise DamagedError("is no image cache of this version")
            if made_from is not None and h5.attrs["made_from"] != made_from:
                raise DamagedError("was made from something else")
            if not h5.attrs["complete"]:
                raise DamagedError("is half built")
            images = open_pixels(file, h5["images"])
            if images is None:
                raise DamagedError("is cut off")
            if not known and h5.attrs["tables"] != tables_checksum(h5):
                raise DamagedError("has altered tables")
            checksums = h5["checksums"][:]
            cache = ImageCache(
                images=images,
                ids=tuple(h5["ids"].asstr()[:]),
                labels=h5["labels"][:],
                splits=h5["splits"].asstr()[:].astype("U8"),
                readable=h5["state"][:] == READABLE,
                classes=tuple(json.loads(h5.attrs["classes"])),
                sums=h5["sums"][:],
                square_sums=h5["square_sums"][:],
            )
    except DAMAGE as error:
        raise DamagedError(f"cannot be read ({type(error).__name__})") from error
    if not known:
        bad = altered(cache.images, checksums)
        if len(bad):
            raise DamagedError(f"has {len(bad):,} altered images")
        remember_verified(file)
    return cache


def tables_checksum(h5: h5py.File) -> int:
    """A checksum of all that a cache holds beside the pixels."""
    found = zlib.crc32(h5.attrs["classes"].encode())
    for name in ("ids", "splits"):
        found = zlib.crc32(b"\0".join(h5[name][:]), found)
    for name in ("labels", *ROW_TABLES):
        found = zlib.crc32(h5[name][:], found)
    return found


def altered(images: Pixels, checksums: Array) -> Array:
    """The rows whose pixels do not have their checksum."""

    def wrong(rows: range) -> list[int]:
        return [row for row in rows if not _intact(images, row, checksums[row])]

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return np.array([row for found in pool.map(wrong, blocks(len(images))) for row in found], dtype=np.int64)


def _intact(images: Pixels, row: int, checksum: int) -> bool:
    try:
        return zlib.crc32(images[row].data) == checksum
    except DAMAGE:  # a compressed row is missing or not whole
        return False


def is_built(file: Path, made_from: str) -> bool:
    """Whether the cache is there and whole, without verifying its pixels; for ``status``."""
    try:
        with h5py.File(file, "r") as h5:
            return bool(
                h5.attrs.get("format") == FORMAT and h5.attrs["made_from"] == made_from and h5.attrs["complete"]
            )
    except DAMAGE:
        return False


def blocks(n: int) -> list[range]:
    return [range(start, min(start + BLOCK, n)) for start in range(0, n, BLOCK)]


def remember_verified(file: Path) -> None:
    """Note that the pixels of the file as it is now have been verified."""
    write_json(_verified(file), _stamp(file))


def forget_verified(file: Path) -> None:
    """Have the next opening verify the pixels again."""
    _verified(file).unlink(missing_ok=True)


def _verified(file: Path) -> Path:
    return file.with_name(f".{file.name}.verified")


def _stamp(file: Path) -> dict[str, int]:
    stat = file.stat()
    return {"size": stat.st_size, "changed": stat.st_mtime_ns, "inode": stat.st_ino}
