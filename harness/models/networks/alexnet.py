"""AlexNet, for images of 227 pixels."""

from __future__ import annotations

import keras
from keras import layers

from harness.models.networks._batch_norm import FusedBatchNormalization
from harness.models.networks._layers import decay, probabilities

SMALLEST = 57  # there are three poolings, and the last one needs 3 pixels


def build(height: int, width: int, channels: int, classes: int, *, reg: float = 2e-4) -> keras.Model:
    """Five convolutions and two dense layers of 4,096, each followed by RELU → BN.

    58,327,810 parameters for 227×227×3 and 2 classes.

    Source: Krizhevsky, Sutskever & Hinton, ImageNet Classification with Deep Convolutional Neural
    Networks (2012), on one device, with batch normalisation instead of local response normalisation.

    Args:
        height, width, channels: the shape of the input.
        classes: the number of classes.
        reg: L2 weight decay of the kernels.

    Returns:
        An uncompiled model whose output is class probabilities, (n, classes).
    """

    def conv(x: keras.KerasTensor, filters: int, kernel: int, stride: int = 1) -> keras.KerasTensor:
        x = layers.Conv2D(filters, kernel, stride, padding="same", kernel_regularizer=decay(reg))(x)
        return FusedBatchNormalization()(layers.Activation("relu")(x))

    def pool(x: keras.KerasTensor) -> keras.KerasTensor:
        return layers.Dropout(0.25)(layers.MaxPooling2D(3, 2)(x))

    inputs = x = keras.Input((height, width, channels))
    x = pool(conv(x, 96, 11, stride=4))
    x = pool(conv(x, 256, 5))
    x = conv(x, 384, 3)
    x = conv(x, 384, 3)
    x = pool(conv(x, 256, 3))
    x = layers.Flatten()(x)
    for _ in range(2):
        x = layers.Dense(4096, kernel_regularizer=decay(reg))(x)
        x = FusedBatchNormalization()(layers.Activation("relu")(x))
        x = layers.Dropout(0.5)(x)
    return keras.Model(inputs, probabilities(x, classes, reg), name="alexnet")
