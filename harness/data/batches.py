"""Batches of cached images for Keras: in order to predict, shuffled by a seed to train, prefetched by a thread."""

from __future__ import annotations

import math
from concurrent.futures import Future, ThreadPoolExecutor

import keras
import numpy as np

from harness.data.rows import Rows

Array = np.ndarray

AHEAD = 2  # batches read while the device works on one


class Batches(keras.utils.PyDataset):
    """Some rows of a cache in batches.

    Without a seed every row comes once, in order, and the last batch may be a partial one. With a seed the order is
    another one each epoch, which depends on the seed and the epoch alone, so that it is the same on every backend and
    machine; and a last batch that would be partial is filled up with the epoch's first rows: the statistics of a few
    images spoil batch norms and the step that they make, and another shape is compiled once more.

    Args:
        images: (n, height, width, 3) uint8, in memory or mapped.
        rows: row numbers to go through.
        labels: (n,) class numbers, or None to give images only.
        batch: images a batch, at most.
        seed: shuffles; None does not.
    """

    def __init__(
        self,
        images: Rows,
        rows: Array,
        labels: Array | None,
        batch: int,
        seed: int | None = None,
    ) -> None:
        super().__init__()
        self.images, self.rows, self.labels, self.seed = images, rows, labels, seed
        self.batch = min(batch, len(rows)) or 1
        self.epoch = 0
        self._order = self._shuffled()
        # Keras's own prefetching is TensorFlow's alone, or costs a tenth of a second an epoch.
        self._thread = ThreadPoolExecutor(1)
        self._coming: dict[int, Future] = {}

    def __len__(self) -> int:
        return math.ceil(len(self.rows) / self.batch)

    def __getitem__(self, index: int) -> Array | tuple[Array, Array]:
        found = self._coming.pop(index, None)
        for later in range(index + 1, min(index + 1 + AHEAD, len(self))):
            if later not in self._coming:
                self._coming[later] = self._thread.submit(self._take, later)
        return self._take(index) if found is None else found.result()

    def on_epoch_end(self) -> None:
        self.epoch += 1
        self._coming.clear()
        self._order = self._shuffled()

    def _take(self, index: int) -> Array | tuple[Array, Array]:
        rows = self._order[index * self.batch : (index + 1) * self.batch]
        images = self.images[rows]
        return images if self.labels is None else (images, self.labels[rows])

    def _shuffled(self) -> Array:
        if self.seed is None:
            return self.rows
        order = np.random.default_rng((self.seed, self.epoch)).permutation(self.rows)
        return np.resize(order, len(self) * self.batch)
