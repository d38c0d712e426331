"""Fitting one fold of a network: build, train with early stopping, predict over views."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness import backend
from harness.console import progress

if TYPE_CHECKING:
    from harness.recipes.network import Network
    from harness.recipes.recipe import Fold

Array = np.ndarray

PREDICT_BATCH = 256


def fit(recipe: Network, fold: Fold) -> Array:
    """Train on ``fold.train``, stop by ``fold.validation``, predict ``fold.predicted()``: (rows, classes) float32."""
    backend.start(fold.seed)
    import keras

    from harness import networks
    from harness.data.batches import Batches
    from harness.data.views import views
    from harness.training.augmentation import augmentation
    from harness.training.callbacks import Curves, Progress
    from harness.training.schedules import schedule

    height, width = recipe.size
    cache = recipe.cache(fold)
    train = fold.limited(recipe.limit)

    # Pixels travel to the device as bytes and are normalised there, with the training rows' own statistics.
    pixels = keras.Input((height, width, 3))
    mean, deviation = cache.mean(train), np.maximum(cache.deviation(train), 1.0)
    normal = keras.layers.Normalization(mean=mean.tolist(), variance=(deviation**2).tolist())(pixels)
    core = keras.Model(pixels, networks.build(recipe.network, height, width, 3, len(fold.classes))(normal))
    augmented = images = keras.Input((height, width, 3), dtype="uint8")
    for layer in augmentation(recipe.pad, recipe.flip, recipe.rotation, recipe.zoom, fold.seed):
        augmented = layer(augmented)
    model = keras.Model(images, core(augmented))

    batches = Batches(cache.images, train, fold.labels, recipe.batch, seed=fold.seed)
    rate = schedule(recipe.schedule, recipe.learning_rate, recipe.epochs * len(batches))
    optimizers = {
        "sgd": lambda: keras.optimizers.SGD(rate, momentum=0.9, nesterov=True),
        "adam": lambda: keras.optimizers.Adam(rate),
    }
    model.compile(
        optimizer=optimizers[recipe.optimizer](),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=backend.compiles_well(),
    )
    model.fit(
        batches,
        epochs=recipe.epochs,
        validation_data=Batches(cache.images, fold.validation, fold.labels, PREDICT_BATCH),
        shuffle=False,  # the batches shuffle themselves
        verbose=0,
        callbacks=[
            keras.callbacks.EarlyStopping("val_loss", patience=recipe.patience, restore_best_weights=True),
            Curves(fold.folder, fold.title),
            Progress(fold.title, len(train), recipe.epochs, recipe.batch),
        ],
    )
    core.compile(jit_compile=backend.compiles_well())
    rows, looks = fold.predicted(), views(recipe.views, fold.mirror)
    total = np.zeros((len(rows), len(fold.classes)), np.float64)
    with progress(
        f"{fold.title}, predicting {len(looks)} view{'s' * (len(looks) > 1)}", len(rows) * len(looks), "img"
    ) as bar:
        for start in range(0, len(rows), 8 * PREDICT_BATCH):
            part = slice(start, start + 8 * PREDICT_BATCH)
            images_of_part = cache.images[rows[part]]
            for view in looks:
                seen = view.of(images_of_part, height, width, recipe.pad)
                total[part] += core.predict(seen, batch_size=PREDICT_BATCH, verbose=0)
                bar.update(len(seen))
    return (total / len(looks)).astype(np.float32)
