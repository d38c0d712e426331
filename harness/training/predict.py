"""Predicting with a trained network, over the views of each image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.console import progress
from harness.files import whole

if TYPE_CHECKING:
    import keras

    from harness.recipes.recipe import Fold
    from harness.recipes.trained import Trained

Array = np.ndarray

PREDICT_BATCH = 256


def predict(recipe: Trained, fold: Fold, network: keras.Model) -> Array:
    """Average a network's probabilities over the recipe's views of ``fold.predicted()``.

    What each view gives for the validation rows is kept in ``views.npz``, to tell what views are worth.
    """
    from harness.data.views import views

    images = recipe.cache(fold).images
    rows, looks = fold.predicted(), views(recipe.views, fold.mirror)
    total = np.zeros((len(rows), len(fold.classes)), np.float64)
    validated = np.zeros((len(looks), len(fold.validation), len(fold.classes)), np.float32)
    with progress(
        f"{fold.title}, predicting {len(looks)} view{'s' * (len(looks) > 1)}", len(rows) * len(looks), "img"
    ) as bar:
        for start in range(0, len(rows), 8 * PREDICT_BATCH):
            part = slice(start, start + 8 * PREDICT_BATCH)
            images_of_part = images[rows[part]]
            for number, view in enumerate(looks):
                seen = view.of(images_of_part, *recipe.input_size, recipe.pad)
                found = network.predict(seen, batch_size=PREDICT_BATCH, verbose=0)
                total[part] += found
                kept = validated[number, part]  # validation rows come first
                kept[:] = found[: len(kept)]
                bar.update(len(seen))
    if len(looks) > 1:
        with whole(fold.folder / "views.npz") as temporary:
            names = np.array([view.name for view in looks])
            np.savez(temporary, names=names, rows=fold.validation, probabilities=validated)
    return (total / len(looks)).astype(np.float32)
