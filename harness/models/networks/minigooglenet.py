"""MiniGoogLeNet: inception modules with two branches, for images of 32 pixels."""

from __future__ import annotations

import keras
from keras import layers

from harness.models.networks._batch_norm import FusedBatchNormalization
from harness.models.networks._layers import average_pool, decay, probabilities

SMALLEST = 7  # the images are halved twice without padding


def build(height: int, width: int, channels: int, classes: int, *, reg: float = 0.0) -> keras.Model:
    """A 3×3 convolution, then three stages of inception modules; CONV → BN → RELU throughout.

    1,656,250 parameters for 32×32×3 and 10 classes.

    Source: Zhang, Bengio, Hardt, Recht & Vinyals, Understanding Deep Learning Requires Rethinking
    Generalization (2017), figure 3.

    Args:
        height, width, channels: the shape of the input.
        classes: the number of classes.
        reg: L2 weight decay of the kernels.

    Returns:
        An uncompiled model whose output is class probabilities, (n, classes).
    """

    def conv(x: keras.KerasTensor, filters: int, kernel: int, stride: int = 1, padding: str = "same"):
        x = layers.Conv2D(filters, kernel, stride, padding=padding, kernel_regularizer=decay(reg))(x)
        return layers.Activation("relu")(FusedBatchNormalization()(x))

    def inception(x: keras.KerasTensor, ones: int, threes: int) -> keras.KerasTensor:
        return layers.Concatenate()([conv(x, ones, 1), conv(x, threes, 3)])

    def downsample(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
        return layers.Concatenate()([conv(x, filters, 3, stride=2, padding="valid"), layers.MaxPooling2D(3, 2)(x)])

    inputs = keras.Input((height, width, channels))
    x = conv(inputs, 96, 3)
    x = inception(x, 32, 32)
    x = inception(x, 32, 48)
    x = downsample(x, 80)
    for ones, threes in ((112, 48), (96, 64), (80, 80), (48, 96)):
        x = inception(x, ones, threes)
    x = downsample(x, 96)
    x = inception(x, 176, 160)
    x = inception(x, 176, 160)
    x = layers.Dropout(0.5)(layers.Flatten()(average_pool(x, 7)))
    return keras.Model(inputs, probabilities(x, classes, reg), name="minigooglenet")
