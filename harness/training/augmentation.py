"""Augmentation as Keras layers: it runs on the device, in the training model's graph, and only in training."""

from __future__ import annotations

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("harness")
class RandomPatch(layers.Layer):
    """Shift each image by up to ``pad`` pixels either way, its edges repeated into the gap.

    The same as padding by ``pad`` with the nearest pixel and cutting out a random patch of the old size.

    Args:
        pad: pixels.
        seed: for the layer's own random numbers.
    """

    def __init__(self, pad: int, seed: int | None = None, **kwargs) -> None:
        super().__init__(**kwargs)
        self.pad, self.seed = pad, seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, images, training: bool = False):
        if not training:
            return images
        height, width = images.shape[1:3]
        down, across = (self._shift(ops.shape(images)[0], side) for side in (height, width))
        images = ops.cast(images, self.compute_dtype)
        # One-hot matrices move rows and columns exactly, on every backend, at a fraction of a convolution's cost.
        images = ops.einsum("bij,bjwc->biwc", down, images)
        return ops.einsum("bij,bhjc->bhic", across, images)

    def _shift(self, batch, side: int):
        offset = keras.random.randint((batch, 1), -self.pad, self.pad + 1, seed=self.generator)
        source = ops.clip(ops.arange(side)[None] + offset, 0, side - 1)
        return ops.one_hot(source, side, dtype=self.compute_dtype)

    def get_config(self) -> dict:
        return super().get_config() | {"pad": self.pad, "seed": self.seed}


def augmentation(pad: int, flip: bool, rotation: float, zoom: float, seed: int) -> list[layers.Layer]:
    """The layers for these settings, each with a seed of its own; none where a setting is off.

    Args:
        pad: pixels of random shift.
        flip: mirror at random.
        rotation: degrees either way.
        zoom: fraction either way.
        seed: the same seed gives the same augmentation.
    """
    made: list[layers.Layer] = []
    if flip:
        made.append(layers.RandomFlip("horizontal", seed=seed))
    if rotation:
        made.append(layers.RandomRotation(rotation / 360, fill_mode="nearest", seed=seed + 1))
    if zoom:
        made.append(layers.RandomZoom((-zoom, zoom), fill_mode="nearest", seed=seed + 2))
    if pad:
        made.append(RandomPatch(pad, seed=seed + 3))
    return made
