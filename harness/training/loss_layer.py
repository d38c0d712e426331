"""The loss layer of a training model: cross entropy with mixed labels, label smoothing and class weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import layers, ops

if TYPE_CHECKING:
    from harness.training.settings import TrainingSettings

Array = np.ndarray


@keras.saving.register_keras_serializable("harness")
class LossLayer(layers.Layer):
    """Adds the cross entropy of [probabilities, labels] as the model's loss, and returns the probabilities.

    The loss is a layer because the labels are mixed together with their images on the device; ``Model.fit`` only knows
    the labels before mixing. In validation, label smoothing and class weights are not applied.

    Args:
        label_smoothing: this share of each label is spread over all classes.
        class_weights: one weight per class for the loss; None weights all images equally.
    """

    def __init__(self, label_smoothing: float = 0.0, class_weights: list[float] | None = None, **kwargs) -> None:
        super().__init__(dtype="float32", **kwargs)
        self.label_smoothing, self.class_weights = label_smoothing, class_weights

    def call(self, inputs, training: bool = False):
        probabilities, labels = inputs
        losses = keras.losses.categorical_crossentropy(
            labels, probabilities, label_smoothing=self.label_smoothing if training else 0.0
        )
        if training and self.class_weights is not None:
            losses = losses * ops.matmul(labels, ops.array(self.class_weights, "float32"))
        self.add_loss(ops.mean(losses))
        return probabilities

    def get_config(self) -> dict:
        return super().get_config() | {"label_smoothing": self.label_smoothing, "class_weights": self.class_weights}


def mixing(settings: TrainingSettings, seed: int) -> layers.Layer | None:
    """The layer that mixes {"images", "labels"} of a batch in pairs; None if the settings have no mixing.

    Sources: Zhang et al., mixup (2018), with the share drawn from Beta(mixup, mixup); Yun et al., CutMix (2019), with
    Beta(cutmix, cutmix).
    """
    if settings.mixup:
        return layers.MixUp(settings.mixup, seed=seed)
    return layers.CutMix((settings.cutmix, settings.cutmix), seed=seed) if settings.cutmix else None


def balance(labels: Array, classes: int) -> list[float]:
    """Class weights that make all classes count equally, with an average of 1 over the rows: (classes,)."""
    counts = np.bincount(labels, minlength=classes)
    return (len(labels) / (classes * np.maximum(counts, 1))).tolist()
