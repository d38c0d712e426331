"""Layers that several networks share."""

from __future__ import annotations

import keras
from keras import layers


def decay(reg: float) -> keras.regularizers.Regularizer | None:
    """L2 weight decay of a kernel; None if it is 0, which saves the computation."""
    return keras.regularizers.L2(reg) if reg else None


def probabilities(x: keras.KerasTensor, classes: int, reg: float) -> keras.KerasTensor:
    """DENSE → SOFTMAX, always in float32, because a softmax in half precision loses small probabilities."""
    return layers.Dense(classes, activation="softmax", kernel_regularizer=decay(reg), dtype="float32")(x)


def average_pool(x: keras.KerasTensor, side: int) -> keras.KerasTensor:
    """AVGPOOL side×side; if the feature map is smaller, the average over all of it."""
    return layers.AveragePooling2D((min(side, x.shape[1]), min(side, x.shape[2])))(x)
