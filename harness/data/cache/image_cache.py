"""The image cache: every image of a data set, resized to one size."""

from __future__ import annotations

import concurrent.futures
import json
import os
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeVar

import cv2
import numpy as np

from harness.data import complaints
from harness.data.cache.cache import READABLE, UNREADABLE, Cache, Filled, Input, blocks
from harness.data.cache.rows import Layout, Rows, checksums
from harness.data.dataset import Dataset
from harness.data.images import Geometry, UnreadableError, load
from harness.data.windowed import decoding_steps
from harness.utils import fingerprint as fp
from harness.utils.versions import versions

Array = np.ndarray
Result = TypeVar("Result")

READ_AHEAD = 2**22  # bytes of files that are read before they are decoded together
GREY = 128  # an unreadable image is replaced by grey, so that every id still gets a prediction


@dataclass(frozen=True)
class ImageCache(Cache):
    """An open cache of images: rows are (height, width, 3) uint8 RGB."""

    @property
    def images(self) -> Rows:
        """(n, height, width, 3) uint8 RGB."""
        return self.rows

    def mean(self, rows: Array) -> Array:
        """Per-channel mean over some rows: (3,) R, G, B in 0…255. Pass training rows only."""
        return self.tables["sums"][rows].sum(axis=0) / (len(rows) * self._pixels)

    def deviation(self, rows: Array) -> Array:
        """Per-channel standard deviation over some rows: (3,)."""
        squares = self.tables["square_sums"][rows].sum(axis=0) / (len(rows) * self._pixels)
        return np.sqrt(np.maximum(squares - self.mean(rows) ** 2, 0))

    @property
    def _pixels(self) -> int:
        return self.images.shape[1] * self.images.shape[2]


@dataclass(frozen=True)
class ImageInput(Input):
    """Images at one size.

    Args:
        geometry: the size, and how images are resized to it.
    """

    geometry: Geometry

    kind = "images"
    opened = ImageCache
    compressible = True

    def __str__(self) -> str:
        return str(self.geometry)

    @property
    def layout(self) -> Layout:
        # The channel sums and sums of squares give the mean and deviation of any rows without reading their pixels.
        tables = {"sums": (np.float64, (3,)), "square_sums": (np.float64, (3,))}
        return Layout("images", self.geometry.shape, np.uint8, tables)

    def key(self, dataset: Dataset) -> str:
        return fp.fingerprint(
            geometry=self.geometry,
            dataset=dataset.fingerprint,
            opencv=cv2.__version__,
            steps=versions("image_cache", *decoding_steps(dataset.sources)),
        )

    def attributes(self) -> dict[str, Any]:
        size = {"height": self.geometry.height, "width": self.geometry.width, "fit": self.geometry.fit}
        return {"channels": "RGB", "geometry": json.dumps(size)}

    def fill(self, dataset: Dataset, rows: Array) -> Iterator[Filled]:
        def decode_block(block_rows: Array) -> Filled:
            images, state, unreadable = decoded(dataset, block_rows, self.geometry)
            tables = {"images": images, **_sums(images), "checksums": checksums(images), "state": state}
            return Filled(block_rows, tables, unreadable)

        return in_threads(decode_block, [rows[block.start : block.stop] for block in blocks(len(rows))])

    def summary(self, tables: dict[str, Array], training: Array) -> dict[str, Any]:
        pixels = self.geometry.height * self.geometry.width
        return {"training_mean": tables["sums"][training].sum(axis=0) / (max(len(training), 1) * pixels)}


class Decoded(NamedTuple):
    """Decoded images (n, height, width, 3) uint8 RGB, their states, and by source why some could not be read."""

    images: Array
    state: Array
    unreadable: dict[str, str]


def decoded(dataset: Dataset, rows: Array, geometry: Geometry) -> Decoded:
    """Decode some images of a data set; a grey image replaces an unreadable one."""
    sources = [dataset.sources[row] for row in rows]
    images = np.full((len(rows), *geometry.shape), GREY, np.uint8)
    state = np.full(len(rows), UNREADABLE, np.uint8)
    unreadable = {}

    def decode(first: int, contents: list[bytes | Array | Exception]) -> None:
        for i, content in enumerate(contents, first):
            try:
                if isinstance(content, Exception):
                    raise content
                with complaints.of(sources[i]):
                    images[i] = load(content, geometry)
                state[i] = READABLE
            except (UnreadableError, OSError) as reason:
                unreadable[sources[i]] = str(reason)

    contents: list[bytes | Array | Exception] = []
    for i, source in enumerate(sources):
        try:
            contents.append(dataset.images.read(source))
        except (UnreadableError, OSError) as reason:
            contents.append(reason)
        if i + 1 == len(sources) or sum(len(one) for one in contents if isinstance(one, bytes)) > READ_AHEAD:
            complaints.decoding(partial(decode, i + 1 - len(contents), contents))
            contents = []
    return Decoded(images, state, unreadable)


def in_threads(work: Callable[[Array], Result], blocks_of_rows: list[Array]) -> Iterator[Result]:
    """Map a function over blocks of rows on all cores: in order, with a bounded number of results in memory."""
    cores = os.cpu_count() or 1
    with complaints.decoders(cores) as pool:
        futures: deque[concurrent.futures.Future[Result]] = deque()
        for block in blocks_of_rows:
            futures.append(pool.submit(work, block))
            if len(futures) > 2 * cores:
                yield futures.popleft().result()
        while futures:
            yield futures.popleft().result()


def _sums(images: Array) -> dict[str, Array]:
    """The channel sums and sums of squares of each image."""
    pixels = images.shape[1] * images.shape[2]
    moments = [cv2.meanStdDev(image) for image in images]
    means, deviations = (np.array([moment[i][:, 0] for moment in moments]) for i in (0, 1))
    return {"sums": np.rint(means * pixels), "square_sums": np.rint((deviations**2 + means**2) * pixels)}
