"""Test-time augmentation on the device: a model that predicts all views of a batch at once."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import layers, ops

from harness.models.fusion import fuse
from harness.training.augmentation import augmentation
from harness.tta.views import Drawn, View

if TYPE_CHECKING:
    from harness.training.settings import TrainingSettings

SEEDS = 10  # more seeds than the augmentation uses


class Views(layers.Layer):
    """(n, H, W, 3) images to (views · n, height, width, 3): all images in the first view, then all in the second, …

    Args:
        settings: ``size``, ``input_size`` and ``pad`` are used, and the augmentation settings for random views.
        views: the views.
    """

    def __init__(self, settings: TrainingSettings, views: tuple[View | Drawn, ...]) -> None:
        super().__init__(dtype="float32")
        self.views, self.window, self.pad = views, settings.input_size, settings.pad
        # No cutout: it helps training, but hides part of the image.
        without_cutout = dataclasses.replace(settings, cutout=0)
        self.augmentations = {
            view.name: augmentation(without_cutout, np.zeros(3), SEEDS * view.number)
            for view in views
            if isinstance(view, Drawn)
        }

    def call(self, images):
        by_view = [
            self._drawn(view, images) if isinstance(view, Drawn) else view.of(images, *self.window, self.pad, ops)
            for view in self.views
        ]
        return ops.cast(ops.concatenate(by_view, axis=0), "float32")

    def compute_output_shape(self, input_shape) -> tuple:
        return (None, *self.window, 3)

    def _drawn(self, view: Drawn, images):
        """Augment all images in the same way: they are stacked as the channels of a single image.

        So the result for an image does not depend on the size or the order of its batch.
        """
        height, width = images.shape[1:3]
        stacked = ops.reshape(ops.transpose(images, (1, 2, 0, 3)), (1, height, width, -1))
        for layer in self.augmentations[view.name]:
            layer.generator.state.assign([layer.seed, 0])  # the same draw for every batch
            stacked = layer(stacked, training=True)
        return ops.transpose(ops.reshape(stacked, (*self.window, -1, 3)), (2, 0, 1, 3))


def asking(network: keras.Model, settings: TrainingSettings, views: tuple[View | Drawn, ...]) -> keras.Model:
    """A model from cached images, (n, H, W, 3) uint8, to the probabilities for each view: (n, views · classes)."""
    images = keras.Input((*settings.size, 3), dtype="uint8")
    probabilities = fuse(network, predicts=True)(Views(settings, views)(images))
    classes = probabilities.shape[-1]
    by_view = ops.reshape(probabilities, (len(views), -1, classes))
    return keras.Model(images, ops.reshape(ops.transpose(by_view, (1, 0, 2)), (-1, len(views) * classes)))
