"""What regressions are given: drawn folds, pictures of whole numbers, a network that is quick to train."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import numpy as np

from harness.data.fold import Fold
from harness.training.settings import TrainingSettings
from tests.training.folds import drawn_fold

if TYPE_CHECKING:
    import keras

    from harness.data.cache.image_cache import ImageCache
    from harness.data.cache.rows import Rows

Array = np.ndarray


def fold(folder: Path, side: int = 16) -> Fold:
    """The drawn fold of the tests of training, with the same seed."""
    return drawn_fold(folder, side)


class _Interrupting:
    """A cache's rows, at whose so-manieth reading someone presses Ctrl-C."""

    def __init__(self, rows: Rows, reading: int) -> None:
        self.rows, self.shape, self.left = rows, rows.shape, reading

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: Array) -> Array:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)
        return self.rows[rows]


@contextlib.contextmanager
def interrupted(whole: Fold, reading: int) -> Iterator[Fold]:
    """A fold whose training is stopped at the so-manieth batch that is read."""
    ((images, cache),) = whole.caches.items()
    caches = {images: dataclasses.replace(cache, rows=_Interrupting(cache.rows, reading))}
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            yield dataclasses.replace(whole, caches=caches)
    finally:
        signal.signal(signal.SIGINT, before)


def pixels(count: int, height: int = 16, width: int = 16, seed: int = 0) -> Array:
    """Noise: (count, height, width, 3) uint8; all its pixels differ, so that none can move without a trace."""
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def blots(count: int, side: int = 32, size: int = 4, seed: int = 0) -> Array:
    """Squares of colour: (count, side, side, 3) uint8."""
    coarse = np.random.default_rng(seed).integers(0, 256, (count, side // size, side // size, 3), dtype=np.uint8)
    return coarse.repeat(size, axis=1).repeat(size, axis=2)


def probabilities(rows: int = 60, classes: int = 4, members: int = 3, seed: int = 0) -> tuple[Array, Array]:
    """Made-up members that know the labels more or less well: (members, rows, classes) float32; labels (rows,)."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, rows)
    logits = 2 * random.normal(size=(members, rows, classes)) + random.normal(size=(rows, classes))
    logits[:, np.arange(rows), labels] += np.linspace(1, 3, members)[:, None]
    found = np.exp(logits)
    return (found / found.sum(axis=2, keepdims=True)).astype(np.float32), labels


class Small(TrainingSettings):
    """Trains a network that TensorFlow traces in a second."""

    def assemble(self, classes: int, cache: ImageCache, train: Array) -> keras.Model:
        return small_network(classes, *cache.images.shape[1:3])


def small_network(classes: int, height: int, width: int) -> keras.Model:
    """Few layers, among them all that training treats by themselves: norms, dropout, decay."""
    import keras

    pixels = keras.Input((height, width, 3))
    x = keras.layers.Rescaling(1 / 64, -2)(pixels)
    x = keras.layers.Conv2D(8, 3, 2, kernel_regularizer=keras.regularizers.L2(1e-3))(x)
    x = keras.layers.Activation("relu")(keras.layers.BatchNormalization(momentum=0.5)(x))
    x = keras.layers.Dropout(0.1)(keras.layers.Flatten()(x))
    return keras.Model(pixels, keras.layers.Dense(classes, activation="softmax")(x), name="small")


@contextlib.contextmanager
def without_plots() -> Iterator[None]:
    """Curves take half a second to draw, and decide nothing."""
    with mock.patch("matplotlib.figure.Figure.savefig", lambda _, file, **__: Path(file).touch()):
        yield
