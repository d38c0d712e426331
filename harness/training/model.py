"""Building the two models that share one network: one predicts, the other is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from harness.models import keras_backend

if TYPE_CHECKING:
    import keras

    from harness.data.cache.image_cache import ImageCache
    from harness.data.fold import Fold
    from harness.training.settings import TrainingSettings

Array = np.ndarray


class Assemble(Protocol):
    """Makes a network with its initial weights."""

    def __call__(self, classes: int, cache: ImageCache, train: Array) -> keras.Model:
        """A model from (n, height, width, 3) floats of 0…255 to (n, classes) probabilities.

        Args:
            classes: the number of classes.
            cache: the images.
            train: the training rows; pixel scaling may depend on these rows only.
        """
        ...


class Models(NamedTuple):
    """Two models with shared weights.

    Args:
        network: predicts; from (n, height, width, 3) pixels of 0…255 to (n, classes) probabilities.
        trainer: is trained; from {"images": cached pixels, "labels": class numbers} to the same probabilities. It
            contains the augmentation and the loss.
    """

    network: keras.Model
    trainer: keras.Model


def build(settings: TrainingSettings, fold: Fold, cache: ImageCache, assemble: Assemble) -> Models:
    """Build the models for one fold, not yet compiled.

    Args:
        settings: how to train.
        fold: its classes, labels and seed are used.
        cache: the images.
        assemble: makes the network.
    """
    import keras

    from harness.training.augmentation import augmentation
    from harness.training.loss_layer import LossLayer, balance, mixing

    keras.config.set_dtype_policy("mixed_bfloat16" if settings.mixed_precision else "float32")
    classes = len(fold.classes)
    network = assemble(classes, cache, fold.train)

    # Pixels are sent to the device as bytes; augmentation and normalisation happen there.
    images = keras.Input((*settings.size, 3), dtype="uint8", name="images")
    class_numbers = keras.Input((), dtype="int32", name="labels")
    augmented, labels = images, keras.ops.one_hot(class_numbers, classes, dtype="float32")
    for layer in augmentation(settings, cache.mean(fold.train), fold.seed):
        augmented = layer(augmented)
    mixing_layer = mixing(settings, fold.seed + 5)
    if mixing_layer is not None:
        mixed = mixing_layer({"images": augmented, "labels": labels})
        augmented, labels = mixed["images"], mixed["labels"]
    class_weights = balance(fold.labels[fold.train], classes) if settings.class_weight == "balanced" else None
    outputs = LossLayer(settings.label_smoothing, class_weights)([network(augmented), labels])
    return Models(network, keras.Model({"images": images, "labels": class_numbers}, outputs, name="trainer"))


def compile_trainer(models: Models, settings: TrainingSettings, rate: Any, steps: int) -> None:
    """Compile the trainer with the optimizer from the settings, at a learning rate or a schedule, for so many steps."""
    import keras

    from harness.training.optimizers import optimizer

    models.trainer.compile(
        optimizer(settings, rate, models.trainer.trainable_variables, steps),
        metrics=[
            keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
            # The loss also includes weight decay and label smoothing; this metric is the cross entropy only.
            keras.metrics.SparseCategoricalCrossentropy(name="log_loss"),
        ],
        jit_compile=keras_backend.compiles_well(),
    )
