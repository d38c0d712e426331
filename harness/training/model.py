"""From a recipe to the two models that share one network: what predicts, and what is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from harness import backend

if TYPE_CHECKING:
    import keras

    from harness.data.image_cache import ImageCache
    from harness.recipes.recipe import Fold
    from harness.recipes.trained import Trained

Array = np.ndarray


class Models(NamedTuple):
    """Two models of the same weights.

    Args:
        network: pixels (n, height, width, 3) of 0…255 in, probabilities (n, classes) out; to predict with.
        trainer: {"images": cached pixels, "labels": class numbers} in, the same out; augments and has the loss.
    """

    network: keras.Model
    trainer: keras.Model


def build(recipe: Trained, fold: Fold, cache: ImageCache, train: Array) -> Models:
    """The models of a recipe for one fold, not compiled.

    Args:
        recipe: the settings.
        fold: gives classes, labels and the seed.
        cache: the images.
        train: rows to train on: pixels are scaled by what these are like.
    """
    import keras

    from harness.training.augmentation import augmentation
    from harness.training.objective import Objective, balance, mixing

    keras.config.set_dtype_policy("mixed_bfloat16" if recipe.mixed else "float32")
    classes = len(fold.classes)
    network = recipe.assemble(classes, cache, train)

    # Pixels travel to the device as bytes, and are augmented and normalised there.
    images = keras.Input((*recipe.size, 3), dtype="uint8", name="images")
    numbers = keras.Input((), dtype="int32", name="labels")
    augmented, labels = images, keras.ops.one_hot(numbers, classes, dtype="float32")
    for layer in augmentation(recipe, cache.mean(train), fold.seed):
        augmented = layer(augmented)
    mix = mixing(recipe, fold.seed + 5)
    if mix is not None:
        mixed = mix({"images": augmented, "labels": labels})
        augmented, labels = mixed["images"], mixed["labels"]
    weights = balance(fold.labels[train], classes) if recipe.balanced else None
    outputs = Objective(recipe.smoothing, weights)([network(augmented), labels])
    return Models(network, keras.Model({"images": images, "labels": numbers}, outputs, name="trainer"))


def compile_trainer(models: Models, recipe: Trained, rate: Any) -> None:
    """Make the trainer ready, with the recipe's optimizer at a learning rate or schedule of it."""
    import keras

    from harness.training.optimizers import optimizer

    models.trainer.compile(
        optimizer(recipe, rate, models.trainer.trainable_variables),
        metrics=[
            keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
            # The loss holds weight decay and smoothing too; this is the cross entropy alone.
            keras.metrics.SparseCategoricalCrossentropy(name="log_loss"),
        ],
        jit_compile=backend.compiles_well(),
    )
