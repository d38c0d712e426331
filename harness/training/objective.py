"""The loss at the end of a training model: cross entropy against labels that may be mixed, smoothed and weighted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import layers, ops

if TYPE_CHECKING:
    from harness.recipes.trained import Trained

Array = np.ndarray


@keras.saving.register_keras_serializable("harness")
class Objective(layers.Layer):
    """Adds the cross entropy of [probabilities, labels] as the model's loss, and gives the probabilities on.

    A layer, for the labels were mixed with their images on the device: ``Model.fit`` knows only those of before.
    When validating, labels are neither smoothed nor weighted.

    Args:
        smoothing: this share of each label is spread over all classes.
        class_weights: one a class, for the loss; None weighs all images alike.
    """

    def __init__(self, smoothing: float = 0.0, class_weights: list[float] | None = None, **kwargs) -> None:
        super().__init__(dtype="float32", **kwargs)
        self.smoothing, self.class_weights = smoothing, class_weights

    def call(self, inputs, training: bool = False):
        probabilities, labels = inputs
        losses = keras.losses.categorical_crossentropy(
            labels, probabilities, label_smoothing=self.smoothing if training else 0.0
        )
        if training and self.class_weights is not None:
            losses = losses * ops.matmul(labels, ops.array(self.class_weights, "float32"))
        self.add_loss(ops.mean(losses))
        return probabilities

    def get_config(self) -> dict:
        return super().get_config() | {"smoothing": self.smoothing, "class_weights": self.class_weights}


def mixing(recipe: Trained, seed: int) -> layers.Layer | None:
    """The layer that mixes {"images", "labels"} of a batch in pairs; None where a recipe wants none.

    Sources: Zhang et al., mixup (2018), with Beta(mix, mix); Yun et al., CutMix (2019), with the same.
    """
    if recipe.mixup:
        return layers.MixUp(recipe.mixup, seed=seed)
    return layers.CutMix((recipe.cutmix, recipe.cutmix), seed=seed) if recipe.cutmix else None


def balance(labels: Array, classes: int) -> list[float]:
    """Class weights that make all classes count alike, 1 on average over the rows: (classes,)."""
    counts = np.bincount(labels, minlength=classes)
    return (len(labels) / (classes * np.maximum(counts, 1))).tolist()
