"""Batches of cached images for Keras: seeded order, every row once an epoch, prefetched by a thread."""

from __future__ import annotations

import math

import keras
import numpy as np

from harness.data.pixels import Pixels

Array = np.ndarray


class Batches(keras.utils.PyDataset):
    """Some rows of a cache in batches, the last partial one included.

    The order depends on the seed and the epoch alone, so it is the same on every backend and machine.

    Args:
        images: (n, height, width, 3) uint8, in memory or mapped.
        rows: row numbers to go through.
        labels: (n,) class numbers, or None to give images only, in the order of ``rows``.
        batch: images a batch.
        seed: shuffles anew each epoch; None keeps the order of ``rows``.
    """

    def __init__(self, images: Pixels, rows: Array, labels: Array | None, batch: int, seed: int | None = None) -> None:
        super().__init__(workers=1, max_queue_size=8)
        self.images, self.rows, self.labels, self.batch, self.seed = images, rows, labels, batch, seed
        self.epoch = 0
        self._order = self._shuffled()

    def __len__(self) -> int:
        return math.ceil(len(self.rows) / self.batch)

    def __getitem__(self, index: int) -> Array | tuple[Array, Array]:
        rows = self._order[index * self.batch : (index + 1) * self.batch]
        images = self.images[rows]
        return images if self.labels is None else (images, self.labels[rows])

    def on_epoch_end(self) -> None:
        self.epoch += 1
        self._order = self._shuffled()

    def _shuffled(self) -> Array:
        if self.seed is None:
            return self.rows
        return np.random.default_rng((self.seed, self.epoch)).permutation(self.rows)
