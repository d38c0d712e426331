"""What several networks share."""

from __future__ import annotations

import keras
from keras import layers


def decay(reg: float) -> keras.regularizers.Regularizer | None:
    """L2 weight decay of a kernel; None where it is 0, for then there is nothing to compute."""
    return keras.regularizers.L2(reg) if reg else None


def probabilities(x: keras.KerasTensor, classes: int, reg: float) -> keras.KerasTensor:
    """DENSE → SOFTMAX, in float32 whatever the rest computes in: a softmax in half precision loses the small ones."""
    return layers.Dense(classes, activation="softmax", kernel_regularizer=decay(reg), dtype="float32")(x)


def average_pool(x: keras.KerasTensor, side: int) -> keras.KerasTensor:
    """AVGPOOL side×side, or over all there is where the images are so small that less is left."""
    return layers.AveragePooling2D((min(side, x.shape[1]), min(side, x.shape[2])))(x)
