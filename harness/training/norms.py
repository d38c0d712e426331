"""Batch norms' statistics, measured again where the weights are no longer those that they were gathered with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

    from harness.training.model import Models
    from harness.training.training_sequence import TrainingSequence

# Training images that recompute the statistics.
MEASURED = 4096


def measure_norms(models: Models, images: TrainingSequence) -> None:
    """Recompute the statistics of batch norms on augmented training images. Frozen norms keep theirs.

    Averaged weights produce other activations, so the statistics gathered on the way no longer fit: those of a soup,
    and those that lookahead ends on.

    Source: Izmailov et al., Averaging Weights Leads to Wider Optima (2018).

    Args:
        models: the network and its trainer, with the weights to predict with.
        images: training images as they are fed; as many full batches are taken as ``MEASURED`` images give.
    """
    import keras

    norms = [layer for layer in _layers(models.network) if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [norm.momentum for norm in norms]
    if not any(norm.trainable for norm in norms):
        return
    batches = images.batches
    for number in range(max(1, min(MEASURED, len(batches.rows)) // batches.batch_size)):  # full batches only
        for norm in norms:
            norm.momentum = number / (number + 1)  # gives all batches equal weight
        models.trainer(images[number][0], training=True)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def _layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        yield from _layers(layer) if hasattr(layer, "layers") else (layer,)
