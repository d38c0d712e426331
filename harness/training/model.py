"""Building the two models that share one network: one predicts, the other is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from harness.models import keras_backend
from harness.training import precision
from harness.training.heads import Head, head

if TYPE_CHECKING:
    import keras

    from harness.data.fold import Fold
    from harness.training.settings import TrainingSettings


class Models(NamedTuple):
    """Two models with shared weights.

    Args:
        network: predicts; from (n, height, width, 3) pixels of 0…255 to (n, columns) predictions.
        trainer: is trained; from {"images": cached pixels, "labels": labels} to the same predictions. It contains the
            augmentation and the loss.
        head: what the kind of targets decides.
    """

    network: keras.Model
    trainer: keras.Model
    head: Head


def build(settings: TrainingSettings, fold: Fold) -> Models:
    """Build the models for one fold, not yet compiled.

    Args:
        settings: the network, and how to train it.
        fold: its classes, labels and seed are used.
    """
    with precision.around_training():
        return _build(settings, fold)


def _build(settings: TrainingSettings, fold: Fold) -> Models:
    import keras

    from harness.models.fusion import fuse
    from harness.training.augmentation import augmentation
    from harness.training.loss_layer import LossLayer, balance, mixing

    cache, classes = settings.cache(fold), len(fold.classes)
    kind = head(fold.targets, fold.labels[fold.train], classes)
    with precision.of_network(settings):
        network = kind.on(settings.assemble(classes, cache, fold.train))

    # Pixels are sent to the device as bytes; augmentation and normalisation happen there.
    images = keras.Input((*settings.size, 3), dtype="uint8", name="images")
    fed_labels = keras.Input(kind.shape, dtype=kind.dtype, name="labels")
    augmented, labels = images, kind.dense(fed_labels)
    for layer in augmentation(settings, cache.mean(fold.train), fold.seed):
        augmented = layer(augmented)
    mixing_layer = mixing(settings, fold.seed + 5)
    if mixing_layer is not None:
        mixed = mixing_layer({"images": augmented, "labels": labels})
        augmented, labels = mixed["images"], mixed["labels"]
    class_weights = balance(fold.labels[fold.train], classes) if settings.class_weight == "balanced" else None
    loss = LossLayer(settings.label_smoothing, class_weights, kind.loss, kind.unit)
    outputs = loss([fuse(network)(augmented), labels])
    return Models(network, keras.Model({"images": images, "labels": fed_labels}, outputs, name="trainer"), kind)


def compile_trainer(models: Models, settings: TrainingSettings, rate: Any, steps: int) -> None:
    """Compile the trainer with the optimizer from the settings, at a learning rate or a schedule, for so many steps."""
    from harness.training.optimizers import optimizer

    models.trainer.compile(
        optimizer(settings, rate, models.trainer.trainable_variables, steps),
        metrics=models.head.metrics(),
        jit_compile=keras_backend.compiles_well(),
    )
