"""Views made on the device: a model that shows a network all views of a batch at once."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import layers, ops

from harness.data.views import Drawn, View
from harness.training.augmentation import augmentation

if TYPE_CHECKING:
    from harness.recipes.trained import Trained

SEEDS = 10  # more than the augmentation takes


class Views(layers.Layer):
    """(n, H, W, 3) images to (views · n, height, width, 3): all images in the first view, then all in the second, …

    Args:
        recipe: its ``size``, ``input_size`` and ``pad`` count, and what augments, for random views.
        looks: the views.
    """

    def __init__(self, recipe: Trained, looks: tuple[View | Drawn, ...]) -> None:
        super().__init__(dtype="float32")
        self.looks, self.window, self.pad = looks, recipe.input_size, recipe.pad
        # Nothing is cut out: that teaches, but hides what there is to see.
        plain = dataclasses.replace(recipe, cutout=0)
        self.augmentations = {
            look.name: augmentation(plain, np.zeros(3), SEEDS * look.number)
            for look in looks
            if isinstance(look, Drawn)
        }

    def call(self, images):
        seen = [
            self._drawn(look, images) if isinstance(look, Drawn) else look.of(images, *self.window, self.pad, ops)
            for look in self.looks
        ]
        return ops.cast(ops.concatenate(seen, axis=0), "float32")

    def compute_output_shape(self, input_shape) -> tuple:
        return (None, *self.window, 3)

    def _drawn(self, look: Drawn, images):
        """The images as channels of one: so they are changed alike, and no batch's size or order changes a row."""
        height, width = images.shape[1:3]
        one = ops.reshape(ops.transpose(images, (1, 2, 0, 3)), (1, height, width, -1))
        for layer in self.augmentations[look.name]:
            layer.generator.state.assign([layer.seed, 0])  # the same draw for every batch
            one = layer(one, training=True)
        return ops.transpose(ops.reshape(one, (*self.window, -1, 3)), (2, 0, 1, 3))


def asking(network: keras.Model, recipe: Trained, looks: tuple[View | Drawn, ...]) -> keras.Model:
    """A model from cached images, (n, H, W, 3) uint8, to probabilities of each view: (n, views · classes)."""
    images = keras.Input((*recipe.size, 3), dtype="uint8")
    found = network(Views(recipe, looks)(images))
    by_view = ops.reshape(found, (len(looks), -1, found.shape[-1]))
    return keras.Model(images, ops.reshape(ops.transpose(by_view, (1, 0, 2)), (-1, len(looks) * found.shape[-1])))
