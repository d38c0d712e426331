"""Augmentation as Keras layers: it runs on the device, in the training model's graph, and only in training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import layers, ops

if TYPE_CHECKING:
    from harness.recipes.trained import Trained

Array = np.ndarray


@keras.saving.register_keras_serializable("harness")
class RandomPatch(layers.Layer):
    """Cut a patch out of each image, at random; when predicting, out of its centre.

    Args:
        height, width: of the patch.
        pad: pixels by which the image's edges are first repeated outwards on every side.
        seed: for the layer's own random numbers.
    """

    def __init__(self, height: int, width: int, pad: int = 0, seed: int | None = None, **kwargs) -> None:
        super().__init__(**kwargs)
        self.height, self.width, self.pad, self.seed = height, width, pad, seed
        # Keras's RandomCrop cuts all images of a batch at the same place.
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, images, training: bool = False):
        rows, columns = images.shape[1:3]
        if not training:
            top, left = (rows - self.height) // 2, (columns - self.width) // 2
            return images[:, top : top + self.height, left : left + self.width]
        down, across = (
            self._places(ops.shape(images)[0], side, patch)
            for side, patch in ((rows, self.height), (columns, self.width))
        )
        images = ops.cast(images, self.compute_dtype)
        # One-hot matrices move rows and columns exactly, on every backend, at a fraction of a convolution's cost.
        images = ops.einsum("bij,bjwc->biwc", down, images)
        return ops.einsum("bij,bhjc->bhic", across, images)

    def _places(self, batch, side: int, patch: int):
        offset = keras.random.randint((batch, 1), -self.pad, side + self.pad - patch + 1, seed=self.generator)
        source = ops.clip(ops.arange(patch)[None] + offset, 0, side - 1)
        return ops.one_hot(source, side, dtype=self.compute_dtype)

    def compute_output_shape(self, input_shape) -> tuple:
        return (input_shape[0], self.height, self.width, input_shape[3])

    def get_config(self) -> dict:
        return super().get_config() | {name: getattr(self, name) for name in ("height", "width", "pad", "seed")}


@keras.saving.register_keras_serializable("harness")
class RandomAffine(layers.Layer):
    """Turn, zoom, shear and shift each image at random, all in one resampling; its edges are repeated into the gaps.

    A layer of Keras for each would resample, and blur, as many times, and take as many times as long.

    Args:
        rotation: degrees either way.
        zoom: fraction either way, of height and width each by itself.
        shear: a row moves sideways by up to this fraction of its distance from the middle.
        shift: fraction of height and width either way.
        seed: for the layer's own random numbers.
    """

    def __init__(
        self,
        rotation: float = 0.0,
        zoom: float = 0.0,
        shear: float = 0.0,
        shift: float = 0.0,
        seed: int | None = None,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.rotation, self.zoom, self.shear, self.shift, self.seed = rotation, zoom, shear, shift, seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, images, training: bool = False):
        if not training:
            return images
        height, width = images.shape[1:3]
        drawn = keras.random.uniform((6, ops.shape(images)[0]), -1, 1, seed=self.generator)
        angle = drawn[0] * (self.rotation * np.pi / 180)
        tall, wide = 1 + drawn[1] * self.zoom, 1 + drawn[2] * self.zoom
        slant = drawn[3] * self.shear
        down, across = drawn[4] * self.shift * height, drawn[5] * self.shift * width
        # Where the new image's pixel (x, y) comes from: [[a, b], [c, d]] · (x, y) about the middle, then shifted.
        cosine, sine = ops.cos(angle), ops.sin(angle)
        a, b = wide * cosine, wide * (slant * cosine - sine)
        c, d = tall * sine, tall * (slant * sine + cosine)
        middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
        from_x = across + middle_x - a * middle_x - b * middle_y
        from_y = down + middle_y - c * middle_x - d * middle_y
        nothing = ops.zeros_like(a)
        moves = ops.stack([a, b, from_x, c, d, from_y, nothing, nothing], axis=1)
        return ops.image.affine_transform(
            ops.cast(images, "float32"),
            moves,
            interpolation="bilinear",
            fill_mode="nearest",
            data_format="channels_last",
        )

    def get_config(self) -> dict:
        names = ("rotation", "zoom", "shear", "shift", "seed")
        return super().get_config() | {name: getattr(self, name) for name in names}


def augmentation(recipe: Trained, mean: Array, seed: int) -> list[layers.Layer]:
    """The layers for a recipe's settings, each with a seed of its own; none where a setting is off.

    Args:
        recipe: its ``flip``, ``rotation``, ``zoom``, ``shear``, ``shift``, ``crop``, ``pad`` and ``cutout`` count.
        mean: (3,) the training images' mean colour; its brightness fills what is cut out.
        seed: the same seed gives the same augmentation.

    Source of cutout: DeVries & Taylor (2017); here the square lies wholly inside the image.
    """
    made: list[layers.Layer] = []
    if recipe.flip:
        made.append(layers.RandomFlip("horizontal", seed=seed))
    if recipe.rotation or recipe.zoom or recipe.shear or recipe.shift:
        # In float32: the places of pixels are no whole numbers.
        moves = {"rotation": recipe.rotation, "zoom": recipe.zoom, "shear": recipe.shear, "shift": recipe.shift}
        made.append(RandomAffine(**moves, seed=seed + 1, dtype="float32"))
    if recipe.pad or recipe.crop:
        made.append(RandomPatch(*recipe.input_size, recipe.pad, seed=seed + 3))
    if recipe.cutout:
        height, width = recipe.input_size
        area = recipe.cutout**2 / (height * width)
        # One number: on JAX the layer takes no colour.
        made.append(layers.RandomErasing((1.0, 1.0), (area, area), float(mean.mean()), seed=seed + 4))
    return made
