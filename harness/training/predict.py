"""Predicting with a trained network, over the views of each image."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from harness.console import progress

if TYPE_CHECKING:
    import keras

    from harness.data.views import Drawn, View
    from harness.inference import KerasEngine
    from harness.recipes.recipe import Fold
    from harness.recipes.trained import Trained

Array = np.ndarray

PREDICT_BATCH = 256  # of validation, while training

# Pixels shown to the network at once: so many that the device is busy, and on a CPU so few that what one layer makes
# is in its cache when the next one reads it.
AT_ONCE = {"cpu": 2**17, "gpu": 2**23}
LEAST = 32  # images at once, however large: dense layers' weights are read anew for every batch


def predict(recipe: Trained, fold: Fold, network: keras.Model) -> Array:
    """Average a network's answers over the recipe's views of ``fold.predicted()``: (rows, classes) float32.

    All views of a batch are made on the device and go through the network together. What each view gives for the
    validation rows is kept in ``views.npz``, to tell what views are worth.
    """
    from harness.data.batches import Batches
    from harness.data.views import views
    from harness.ensembles.combine import equal
    from harness.ensembles.ledger import Kept
    from harness.inference import halving

    rows, looks = fold.predicted(), views(recipe.views, fold.mirror)
    run = engine(recipe, network, looks, len(rows), fold.title)
    coming = Batches(recipe.cache(fold).images, rows, None, run.batch)
    shape = (len(looks), len(fold.classes))
    out = np.empty((len(rows), len(fold.classes)), np.float32)
    of_views = np.empty((len(fold.validation), *shape), np.float32)
    start = 0
    with progress(f"{fold.title}, predicting", len(rows) * len(looks), "view") as bar:
        for number in range(len(coming)):
            images = coming[number]
            assert isinstance(images, np.ndarray)  # no labels were given
            found = halving(run, images).reshape(-1, *shape)
            part = slice(start, start + len(images))
            out[part] = equal(found.swapaxes(0, 1), recipe.average)
            kept = of_views[part]  # validation rows come first
            kept[:] = found[: len(kept)]
            start += len(images)
            bar.update(len(images) * len(looks))
    if len(looks) > 1:
        names = tuple(look.name for look in looks)
        Kept(recipe.views, names, recipe.average, fold.validation, of_views.swapaxes(0, 1)[None]).write(fold.folder)
    return out


def engine(
    recipe: Trained, network: keras.Model, looks: tuple[View | Drawn, ...], images: int, title: str
) -> KerasEngine:
    """What gives a network's probabilities for each view of cached images: (n, H, W, 3) uint8 to (n, views · classes).

    Args:
        looks: the views.
        images: how many will come; batches are so large, and so much alike, that little is left over at the end.
        title: for messages.
    """
    from harness.inference import KerasEngine, on_gpu
    from harness.training.views import asking

    shown = max(LEAST, AT_ONCE["gpu" if on_gpu() else "cpu"] // math.prod(recipe.input_size))
    batches = math.ceil(images / max(1, shown // len(looks)))
    return KerasEngine(asking(network, recipe, looks), title, math.ceil(images / batches))
