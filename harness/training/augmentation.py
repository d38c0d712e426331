"""Augmentation as Keras layers. They run on the device, inside the training model, and only during training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import layers, ops

if TYPE_CHECKING:
    from harness.training.settings import TrainingSettings

Array = np.ndarray


@keras.saving.register_keras_serializable("harness")
class RandomFlip(layers.RandomFlip):
    """Keras's layer for batches of images, left and right alone: the same flips for the same seed.

    On TensorFlow it takes half the time: Keras mirrors every image, and then chooses pixel by pixel.
    """

    def __init__(self, seed: int | None = None, **kwargs) -> None:
        super().__init__(**{"mode": "horizontal", "seed": seed, **kwargs})

    def transform_images(self, images, transformation, training: bool = True):
        if not training or keras.backend.backend() != "tensorflow":
            return super().transform_images(images, transformation, training)
        columns = ops.arange(images.shape[2])[None]
        source = ops.where(transformation["flips"][:, :, 0, 0], columns[:, ::-1], columns)
        return _picked(ops.cast(images, self.compute_dtype), source, axis=2)


@keras.saving.register_keras_serializable("harness")
class RandomPatch(layers.Layer):
    """Crop a patch from a random position of each image; when predicting, from its centre.

    Args:
        height, width: the size of the patch.
        pad: how many pixels of padding to add on every side first.
        edges: "repeat" pads with the edge pixels, "reflect" with the mirrored image, without its edge.
        seed: the seed of the layer's own random numbers.
    """

    def __init__(
        self, height: int, width: int, pad: int = 0, edges: str = "repeat", seed: int | None = None, **kwargs
    ) -> None:
        super().__init__(**kwargs)
        self.height, self.width, self.pad, self.edges, self.seed = height, width, pad, edges, seed
        # Keras's RandomCrop uses the same position for all images of a batch.
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, images, training: bool = False):
        rows, columns = images.shape[1:3]
        if not training:
            return _centre(_centre(images, 1, self.height), 2, self.width)
        sources = [
            self._source(ops.shape(images)[0], side, patch)
            for side, patch in ((rows, self.height), (columns, self.width))
        ]
        images = ops.cast(images, self.compute_dtype)
        for axis, source in enumerate(sources, start=1):
            images = _picked(images, source, axis)
        return images

    def _source(self, batch_size, side: int, patch: int):
        """(batch size, patch) consecutive rows or columns from a random offset on, by their numbers."""
        offset = keras.random.randint((batch_size, 1), -self.pad, side + self.pad - patch + 1, seed=self.generator)
        source = ops.arange(patch)[None] + offset
        if self.edges == "reflect":
            source = (side - 1) - ops.abs((side - 1) - ops.abs(source))
        return ops.clip(source, 0, side - 1)

    def compute_output_shape(self, input_shape) -> tuple:
        return (input_shape[0], self.height, self.width, input_shape[3])

    def get_config(self) -> dict:
        return super().get_config() | {
            name: getattr(self, name) for name in ("height", "width", "pad", "edges", "seed")
        }


@keras.saving.register_keras_serializable("harness")
class RandomAffine(layers.Layer):
    """Rotate, zoom, shear and shift each image at random. Gaps are filled by repeating the edge pixels.

    All transforms happen in one resampling. One Keras layer per transform would resample, and blur, once per layer,
    and take several times as long.

    Args:
        rotation: the largest angle in degrees, in either direction.
        zoom: the largest change as a fraction, in either direction; height and width change independently.
        shear: a row moves sideways by up to this fraction of its distance from the centre.
        shift: the largest shift as a fraction of height and width, in either direction.
        seed: the seed of the layer's own random numbers.
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
        random = keras.random.uniform((6, ops.shape(images)[0]), -1, 1, seed=self.generator)
        angle = random[0] * (self.rotation * np.pi / 180)
        zoom_y, zoom_x = 1 + random[1] * self.zoom, 1 + random[2] * self.zoom
        shear = random[3] * self.shear
        shift_y, shift_x = random[4] * self.shift * height, random[5] * self.shift * width
        # The source of the new image's pixel (x, y): [[a, b], [c, d]] · (x, y) about the centre, then shifted.
        cosine, sine = ops.cos(angle), ops.sin(angle)
        a, b = zoom_x * cosine, zoom_x * (shear * cosine - sine)
        c, d = zoom_y * sine, zoom_y * (shear * sine + cosine)
        centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
        offset_x = shift_x + centre_x - a * centre_x - b * centre_y
        offset_y = shift_y + centre_y - c * centre_x - d * centre_y
        zeros = ops.zeros_like(a)
        transforms = ops.stack([a, b, offset_x, c, d, offset_y, zeros, zeros], axis=1)
        return ops.image.affine_transform(
            ops.cast(images, "float32"),
            transforms,
            interpolation="bilinear",
            fill_mode="nearest",
            data_format="channels_last",
        )

    def get_config(self) -> dict:
        names = ("rotation", "zoom", "shear", "shift", "seed")
        return super().get_config() | {name: getattr(self, name) for name in names}


def _centre(images, axis: int, length: int):
    """The rows (axis 1) or columns (axis 2) in the middle; of a smaller image all, with its edges repeated."""
    side = images.shape[axis]
    start = (side - length) // 2
    if start >= 0:
        return images[(*[slice(None)] * axis, slice(start, start + length))]
    return ops.take(images, np.clip(np.arange(start, start + length), 0, side - 1), axis=axis)


def _picked(images, source, axis: int):
    """The rows (axis 1) or columns (axis 2) of each image that its row of ``source``, (n, picked), names by number."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        return tensorflow.gather(images, source, axis=axis, batch_dims=1)
    # One-hot matrices pick exactly too, on every backend, at a fraction of a convolution's cost.
    one_hot = ops.one_hot(source, images.shape[axis], dtype=images.dtype)
    equation = "bij,bjwc->biwc" if axis == 1 else "bij,bhjc->bhic"
    return ops.einsum(equation, one_hot, images)


def augmentation(settings: TrainingSettings, mean: Array, seed: int) -> list[layers.Layer]:
    """The augmentation layers for the settings, each with its own seed. A setting that is off adds no layer.

    Args:
        settings: ``flip``, ``rotation``, ``zoom``, ``shear``, ``shift``, ``crop``, ``pad``, ``edges`` and
            ``cutout`` are used. Batches come alternately flipped already.
        mean: (3,) the mean colour of the training images; cutout fills its square with the mean's brightness.
        seed: the same seed gives the same augmentation.

    Source of cutout: DeVries & Taylor (2017). Here the square is always fully inside the image.
    """
    augmentations: list[layers.Layer] = []
    if settings.flip is True:
        augmentations.append(RandomFlip(seed=seed))
    if settings.rotation or settings.zoom or settings.shear or settings.shift:
        # In float32, because source positions are fractions of pixels.
        ranges = {
            "rotation": settings.rotation,
            "zoom": settings.zoom,
            "shear": settings.shear,
            "shift": settings.shift,
        }
        augmentations.append(RandomAffine(**ranges, seed=seed + 1, dtype="float32"))
    if settings.pad or settings.crop:
        augmentations.append(RandomPatch(*settings.input_size, settings.pad, settings.edges, seed=seed + 3))
    if settings.cutout:
        height, width = settings.input_size
        area = settings.cutout**2 / (height * width)
        # One number, because on JAX the layer does not accept a colour.
        augmentations.append(layers.RandomErasing((1.0, 1.0), (area, area), float(mean.mean()), seed=seed + 4))
    return augmentations
