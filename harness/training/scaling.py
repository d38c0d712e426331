"""Pixel scalings: how a network from scratch scales pixels of 0…255, based on statistics of its training images."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from harness.data.cache.image_cache import ImageCache

Array = np.ndarray

ROWS = 1024  # rows read at a time


def _standard(cache: ImageCache, rows: Array) -> tuple[Array, Array]:
    # At least 1, so that a deviation of 0 causes no division by zero.
    return cache.mean(rows), np.maximum(cache.deviation(rows), 1.0)


def _unit(cache: ImageCache, rows: Array) -> tuple[Array, Array]:
    return np.zeros(3), np.full(3, 255.0)


def _mean(cache: ImageCache, rows: Array) -> tuple[Array, Array]:
    return cache.mean(rows), np.ones(3)


def _mean_image(cache: ImageCache, rows: Array) -> tuple[Array, Array]:
    image = mean_image(cache, rows)
    return image, np.ones_like(image)


# Each gives an offset and a divisor, both (3,) or (height, width, 3): pixels become (pixels - offset) / divisor.
SCALINGS: dict[str, Callable[[ImageCache, Array], tuple[Array, Array]]] = {
    "standard": _standard,
    "unit": _unit,
    "mean": _mean,
    "mean_image": _mean_image,
}


def mean_image(cache: ImageCache, rows: Array) -> Array:
    """The pixel-by-pixel mean of some images: (height, width, 3) in 0…255. ``rows`` must be training rows."""
    in_order = np.sort(rows)  # the order on disk

    def sums() -> Iterator[Array]:
        for start in range(0, len(in_order), ROWS):
            yield cache.images[in_order[start : start + ROWS]].sum(axis=0, dtype=np.int64)

    return sum(sums(), np.zeros(cache.images.shape[1:], np.int64)) / len(rows)
