"""MiniVGGNet: two blocks in the style of VGG, for images of 16 to 64 pixels."""

from __future__ import annotations

import keras
from keras import layers

from harness.models.networks._batch_norm import FusedBatchNormalization
from harness.models.networks._layers import decay, probabilities

SMALLEST = 4
# Keras's default of 0.99 needs about 500 steps to follow the statistics: on small data, most of the training.
MOMENTUM = 0.9


def build(height: int, width: int, channels: int, classes: int, *, reg: float = 0.0) -> keras.Model:
    """((CONV 3×3 → RELU → BN) × 2 → POOL → DROPOUT) with 32, then 64 filters → DENSE 512 → DENSE classes.

    2,171,178 parameters for 32×32×3 and 10 classes.

    Source: Simonyan & Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition
    (2014), scaled down, with batch normalisation after the activation as in the published runs.

    Args:
        height, width, channels: the shape of the input.
        classes: the number of classes.
        reg: L2 weight decay of the kernels.

    Returns:
        An uncompiled model whose output is class probabilities, (n, classes).
    """
    inputs = x = keras.Input((height, width, channels))
    for filters in (32, 64):
        for _ in range(2):
            x = layers.Conv2D(filters, 3, padding="same", kernel_regularizer=decay(reg))(x)
            x = layers.Activation("relu")(x)
            x = FusedBatchNormalization(momentum=MOMENTUM)(x)
        x = layers.MaxPooling2D(2)(x)
        x = layers.Dropout(0.25)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(512, kernel_regularizer=decay(reg))(x)
    x = layers.Activation("relu")(x)
    x = FusedBatchNormalization(momentum=MOMENTUM)(x)
    x = layers.Dropout(0.5)(x)
    return keras.Model(inputs, probabilities(x, classes, reg), name="minivggnet")
