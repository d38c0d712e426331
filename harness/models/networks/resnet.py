"""ResNet: bottleneck modules with pre-activation, and a stem for images of 32 or of 64 pixels."""

from __future__ import annotations

from typing import Literal

import keras
from keras import layers

from harness.models.networks._batch_norm import FusedBatchNormalization
from harness.models.networks._layers import average_pool, decay, probabilities

SMALLEST = 1


def build(
    height: int,
    width: int,
    channels: int,
    classes: int,
    *,
    reg: float = 1e-4,
    module_reg: float | None = None,
    stem: Literal["cifar", "tiny_imagenet"] = "cifar",
    stages: tuple[int, ...] = (9, 9, 9),
    filters: tuple[int, ...] = (64, 64, 128, 256),
) -> keras.Model:
    """BN → stem → stages of modules, each stage after the first at half the resolution → BN → RELU → AVGPOOL → DENSE.

    886,102 parameters for 32×32×3 and 10 classes; 2,265,748 for 64×64×3 and 200 classes with the stem
    "tiny_imagenet", stages (3, 4, 6) and filters (64, 128, 256, 512).

    Sources: He, Zhang, Ren & Sun, Deep Residual Learning for Image Recognition (2015), and Identity
    Mappings in Deep Residual Networks (2016).

    Args:
        height, width, channels: the shape of the input.
        classes: the number of classes.
        reg: L2 weight decay of the kernels.
        module_reg: the weight decay inside the modules (1e-4 in the published runs, whatever ``reg`` was); None for
            ``reg``.
        stem: "cifar" is one 3×3 convolution; "tiny_imagenet" is one 5×5 convolution and a pooling to half the
            resolution.
        stages: the number of modules in each stage.
        filters: the number of filters of the stem, then of each stage.

    Returns:
        An uncompiled model whose output is class probabilities, (n, classes).
    """
    inner_reg = reg if module_reg is None else module_reg

    def conv(x: keras.KerasTensor, count: int, kernel: int, stride: int = 1, l2: float = inner_reg):
        return layers.Conv2D(count, kernel, stride, padding="same", use_bias=False, kernel_regularizer=decay(l2))(x)

    def module(x: keras.KerasTensor, count: int, stride: int, reduce: bool) -> keras.KerasTensor:
        act = _bn_relu(x)
        residual = conv(act, count // 4, 1)
        residual = conv(_bn_relu(residual), count // 4, 3, stride)
        residual = conv(_bn_relu(residual), count, 1)
        return layers.Add()([residual, conv(act, count, 1, stride) if reduce else x])

    inputs = keras.Input((height, width, channels))
    x = _bn(inputs)
    if stem == "cifar":
        x = conv(x, filters[0], 3, l2=reg)
    else:
        x = _bn_relu(conv(x, filters[0], 5, l2=reg))
        x = layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(1)(x))
    for stage, (modules, count) in enumerate(zip(stages, filters[1:], strict=True)):
        x = module(x, count, stride=1 if stage == 0 else 2, reduce=True)
        for _ in range(modules - 1):
            x = module(x, count, stride=1, reduce=False)
    x = layers.Flatten()(average_pool(_bn_relu(x), 8))
    return keras.Model(inputs, probabilities(x, classes, reg), name="resnet")


def _bn(x: keras.KerasTensor) -> keras.KerasTensor:
    return FusedBatchNormalization(epsilon=2e-5, momentum=0.9)(x)


def _bn_relu(x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.Activation("relu")(_bn(x))
