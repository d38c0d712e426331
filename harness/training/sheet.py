"""What augmentation makes of images: the very layers that a recipe trains with, drawn on a sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.data.image_cache import ImageCache
from harness.data.views import CENTRE
from harness.report import sheet
from harness.training.augmentation import augmentation

if TYPE_CHECKING:
    from harness.recipes.recipe import Fold
    from harness.recipes.trained import Trained

Array = np.ndarray

IMAGES, VIEWS = 4, 8  # on the sheet of a run


def views(recipe: Trained, images: Array, mean: Array, count: int, seed: int) -> Array | None:
    """Views of images, of each first its centre as the network sees it when predicting, then augmented ones.

    Mixing with other images is left out: it changes no picture by itself.

    Args:
        recipe: its augmentation.
        images: (n, height, width, 3) uint8 of the recipe's size.
        mean: (3,) the mean colour, for what is cut out.
        count: views an image, the first included.
        seed: the same seed gives the same views.

    Returns:
        (n, count, height, width, 3) uint8 of the network's input size; None where the recipe augments nothing.
    """
    layers = augmentation(recipe, mean, seed)
    if not layers:
        return None
    seen = np.repeat(images, count - 1, axis=0)
    for layer in layers:
        seen = layer(seen, training=True)
    height, width = recipe.input_size
    augmented = np.clip(np.rint(np.asarray(seen, np.float32)), 0, 255).astype(np.uint8)
    plain = CENTRE.of(images, height, width, recipe.pad)
    return np.concatenate([plain[:, None], augmented.reshape(len(images), -1, height, width, 3)], axis=1)


def keep(recipe: Trained, fold: Fold, cache: ImageCache, rows: Array) -> None:
    """Write ``augmented.png`` into a fold's folder, once: views of a few of its training images.

    The layers are its own, so that training draws the same random numbers with and without it.
    """
    path = fold.folder / "augmented.png"
    if path.exists():
        return
    few = rows[:: max(1, len(rows) // IMAGES)][:IMAGES]
    shown = views(recipe, cache.images[few], cache.mean(rows), VIEWS, fold.seed)
    if shown is not None:
        sheet.draw(shown, path, VIEWS)
