"""Batches of cached images for Keras: in order for prediction, shuffled for training, prefetched by a thread."""

from __future__ import annotations

import math
from concurrent.futures import Future, ThreadPoolExecutor

import keras
import numpy as np

from harness.data.cache.rows import Rows

Array = np.ndarray

AHEAD = 2  # batches to prefetch while the device works on one


class Batches(keras.utils.PyDataset):
    """Some rows of a cache in batches.

    Without a seed every row comes once, in order, and the last batch may be smaller. With a seed the rows are shuffled
    anew each epoch. The order depends on the seed and the epoch only, so it is the same on every backend and machine.
    A last batch that would be smaller is filled up with the epoch's first rows: batch normalisation over a few images
    spoils the statistics and that training step, and another batch shape would need another compilation.

    Args:
        images: (n, height, width, 3) uint8, in memory or memory-mapped.
        rows: the row numbers to iterate over.
        labels: (n,) class numbers, or None for images only.
        batch_size: images per batch, at most.
        seed: the seed for shuffling; None keeps the order.
        alternate: mirror half of the images, drawn by the seed, in even epochs and the other half in odd ones.
    """

    def __init__(
        self,
        images: Rows,
        rows: Array,
        labels: Array | None,
        batch_size: int,
        seed: int | None = None,
        alternate: bool = False,
    ) -> None:
        super().__init__()
        self.images, self.rows, self.labels, self.seed = images, rows, labels, seed
        self._mirrored = np.zeros(len(images), bool)  # in even epochs
        if alternate:
            self._mirrored[np.random.default_rng((seed or 0, len(rows))).permutation(rows)[::2]] = True
        self._alternate = alternate
        self.batch_size = min(batch_size, len(rows)) or 1
        self.epoch = 0
        self._order = self._shuffled()
        # Keras's own prefetching works with TensorFlow only, or costs a tenth of a second per epoch.
        self._thread = ThreadPoolExecutor(1)
        self._coming: dict[int, Future] = {}

    def __len__(self) -> int:
        return math.ceil(len(self.rows) / self.batch_size)

    def __getitem__(self, index: int) -> Array | tuple[Array, Array]:
        prefetched = self._coming.pop(index, None)
        for next_index in range(index + 1, min(index + 1 + AHEAD, len(self))):
            if next_index not in self._coming:
                self._coming[next_index] = self._thread.submit(self._take, next_index)
        return self._take(index) if prefetched is None else prefetched.result()

    def on_epoch_end(self) -> None:
        self.epoch += 1
        self._coming.clear()
        self._order = self._shuffled()

    def _take(self, index: int) -> Array | tuple[Array, Array]:
        rows = self._order[index * self.batch_size : (index + 1) * self.batch_size]
        images = self.images[rows]
        if self._alternate:
            mirrored = self._mirrored[rows] ^ (self.epoch % 2 == 1)
            images = np.where(mirrored[:, None, None, None], images[:, :, ::-1], images)
        return images if self.labels is None else (images, self.labels[rows])

    def _shuffled(self) -> Array:
        if self.seed is None:
            return self.rows
        order = np.random.default_rng((self.seed, self.epoch)).permutation(self.rows)
        return np.resize(order, len(self) * self.batch_size)
