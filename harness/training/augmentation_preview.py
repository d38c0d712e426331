"""A preview of augmentation: a contact sheet of images as the recipe's own augmentation layers change them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.training import image_grid
from harness.training.augmentation import augmentation
from harness.tta.views import CENTRE

if TYPE_CHECKING:
    from harness.data.fold import Fold
    from harness.training.settings import TrainingSettings

Array = np.ndarray

IMAGES, VIEWS = 4, 8  # on the contact sheet of a run


def views(settings: TrainingSettings, images: Array, mean: Array, count: int, seed: int) -> Array | None:
    """Views of images: for each image its central crop, as used when predicting, then augmented versions.

    MixUp and CutMix are left out, because they need a second image.

    Args:
        settings: which augmentation to apply.
        images: (n, height, width, 3) uint8 of the size in the settings.
        mean: (3,) the mean colour, used by cutout.
        count: views per image, including the central crop.
        seed: the same seed gives the same views.

    Returns:
        (n, count, height, width, 3) uint8 of the network's input size; None if the settings have no augmentation.
    """
    layers = augmentation(settings, mean, seed)
    if not layers:
        return None
    batch = np.repeat(images, count - 1, axis=0)
    for layer in layers:
        batch = layer(batch, training=True)
    height, width = settings.input_size
    augmented = np.clip(np.rint(np.asarray(batch, np.float32)), 0, 255).astype(np.uint8)
    central = CENTRE.of(images, height, width, settings.pad)
    return np.concatenate([central[:, None], augmented.reshape(len(images), -1, height, width, 3)], axis=1)


def keep(settings: TrainingSettings, fold: Fold) -> None:
    """Write ``augmented.png`` into a fold's folder, unless it exists: views of a few of its training images.

    It creates its own layers, so training draws the same random numbers with and without the preview.
    """
    path = fold.folder / "augmented.png"
    if path.exists():
        return
    cache, rows = settings.cache(fold), fold.train[:: max(1, len(fold.train) // IMAGES)][:IMAGES]
    pictures = views(settings, cache.images[rows], cache.mean(fold.train), VIEWS, fold.seed)
    if pictures is not None:
        image_grid.draw(pictures, path, VIEWS)
