"""DeeperGoogLeNet: GoogLeNet without its last two modules, for images of 64 pixels."""

from __future__ import annotations

from typing import Literal

import keras
from keras import layers

from harness.models.networks._batch_norm import FusedBatchNormalization
from harness.models.networks._layers import average_pool, decay, probabilities

SMALLEST = 1

# Filters of each module: 1×1; (1×1, then 3×3); (1×1, then 5×5); the 1×1 after the pooling.
MODULES = {
    "3a": (64, (96, 128), (16, 32), 32),
    "3b": (128, (128, 192), (32, 96), 64),
    "4a": (192, (96, 208), (16, 48), 64),
    "4b": (160, (112, 224), (24, 64), 64),
    "4c": (128, (128, 256), (24, 64), 64),
    "4d": (112, (144, 288), (32, 64), 64),
    "4e": (256, (160, 320), (32, 128), 128),
}
POOLED_AFTER = ("3b", "4e")


def build(
    height: int,
    width: int,
    channels: int,
    classes: int,
    *,
    reg: float = 5e-4,
    order: Literal["bn_first", "activation_first"] = "bn_first",
    activation: Literal["relu", "elu"] = "relu",
) -> keras.Model:
    """Two convolutions, then inception modules with four branches. Layers are named by module and branch.

    3,667,976 parameters for 64×64×3 and 200 classes.

    Source: Szegedy et al., Going Deeper with Convolutions (2014), without modules 5a and 5b.

    Args:
        height, width, channels: the shape of the input.
        classes: the number of classes.
        reg: L2 weight decay of the kernels.
        order: whether batch normalisation or the activation comes first after a convolution.
        activation: the activation after every convolution.

    Returns:
        An uncompiled model whose output is class probabilities, (n, classes).
    """

    def conv(x: keras.KerasTensor, filters: int, kernel: int, name: str) -> keras.KerasTensor:
        x = layers.Conv2D(filters, kernel, padding="same", kernel_regularizer=decay(reg), name=f"{name}_conv")(x)
        bn_first = [FusedBatchNormalization(name=f"{name}_bn"), layers.Activation(activation, name=f"{name}_act")]
        for layer in bn_first if order == "bn_first" else reversed(bn_first):
            x = layer(x)
        return x

    def pool(x: keras.KerasTensor, name: str, stride: int = 2) -> keras.KerasTensor:
        return layers.MaxPooling2D(3, stride, padding="same", name=f"{name}_pool")(x)

    inputs = keras.Input((height, width, channels))
    x = pool(conv(inputs, 64, 5, "block1"), "block1")
    x = conv(conv(x, 64, 1, "block2_reduce"), 192, 3, "block2")
    x = pool(x, "block2")
    for name, (ones, threes, fives, projected) in MODULES.items():
        branches = [
            conv(x, ones, 1, f"{name}_first"),
            conv(conv(x, threes[0], 1, f"{name}_second1"), threes[1], 3, f"{name}_second2"),
            conv(conv(x, fives[0], 1, f"{name}_third1"), fives[1], 5, f"{name}_third2"),
            conv(pool(x, f"{name}_fourth", stride=1), projected, 1, f"{name}_fourth"),
        ]
        x = layers.Concatenate(name=f"{name}_mixed")(branches)
        if name in POOLED_AFTER:
            x = pool(x, name)
    x = layers.Dropout(0.4)(layers.Flatten()(average_pool(x, 4)))
    return keras.Model(inputs, probabilities(x, classes, reg), name="deepergooglenet")
