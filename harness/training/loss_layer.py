"""The loss layer of a training model: its loss with mixed labels, label smoothing and class weights."""

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
    """Adds the loss of [predictions, labels] as the model's, and returns the predictions.

    The loss is a layer because the labels are mixed together with their images on the device; ``Model.fit`` only knows
    the labels before mixing. In validation, label smoothing and class weights are not applied.

    Args:
        label_smoothing: this share of each label is spread over all classes.
        class_weights: one weight per class for the loss; None weights all images equally.
        loss: a key of ``LOSSES``.
        unit: of numbers, which are divided by it before the loss.
    """

    def __init__(
        self,
        label_smoothing: float = 0.0,
        class_weights: list[float] | None = None,
        loss: str = "softmax",
        unit: float = 1.0,
        **kwargs,
    ) -> None:
        super().__init__(dtype="float32", **kwargs)
        self.label_smoothing, self.class_weights, self.loss, self.unit = label_smoothing, class_weights, loss, unit

    def call(self, inputs, training: bool = False):
        predictions, labels = inputs
        losses = LOSSES[self.loss](labels, predictions, self.label_smoothing if training else 0.0, self.unit)
        if training and self.class_weights is not None:
            losses = losses * ops.matmul(labels, ops.array(self.class_weights, "float32"))
        self.add_loss(ops.mean(losses))
        return predictions

    def get_config(self) -> dict:
        settings = {name: getattr(self, name) for name in ("label_smoothing", "class_weights", "loss", "unit")}
        return super().get_config() | settings


# From labels and predictions (n, columns), label smoothing and the unit of numbers, to the loss of each row (n,).
LOSSES = {
    "softmax": lambda y, p, smoothing, unit: keras.losses.categorical_crossentropy(y, p, label_smoothing=smoothing),
    "sigmoid": lambda y, p, smoothing, unit: keras.losses.binary_crossentropy(y, p, label_smoothing=smoothing),
    "squared": lambda y, p, smoothing, unit: keras.losses.mean_squared_error(y / unit, p / unit),
    "absolute": lambda y, p, smoothing, unit: keras.losses.mean_absolute_error(y / unit, p / unit),
}


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
