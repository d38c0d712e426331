"""Wide ResNet: few, wide residual blocks with pre-activation, for high accuracy after a short training."""

from __future__ import annotations

import keras
from keras import layers

from harness.models.networks._batch_norm import FusedBatchNormalization
from harness.models.networks._layers import decay, probabilities

SMALLEST = 1


def build(
    height: int,
    width: int,
    channels: int,
    classes: int,
    *,
    reg: float = 0.0,
    blocks: tuple[int, ...] = (2, 2, 2),
    widen: int = 4,
    stem_stride: int = 1,
) -> keras.Model:
    """CONV 3×3 16 → stages of blocks with 16, 32, 64, … times ``widen`` filters → BN → RELU → global AVGPOOL → DENSE.

    block(K, stride): BN → RELU → CONV 3×3 K /stride → BN → RELU → CONV 3×3 K, added to the input. If the shape
    changes, it is added to a CONV 1×1 K /stride of the first RELU's output instead.
    2,752,506 parameters for 32×32×3 and 10 classes (WRN-16-4).

    Why this network: its few large 3×3 convolutions keep a device busy, whereas thin, deep networks wait for memory.
    WRN-16-8 reaches the error of the thousand-layer ResNet in a fraction of the time (table 5 and section 3 of the
    source). It needs no pretrained weights and accepts images of any size. Use the optimizer's ``weight_decay`` here,
    which excludes norms and biases.

    Source: Zagoruyko & Komodakis, Wide Residual Networks (2016).

    Args:
        height, width, channels: the shape of the input.
        classes: the number of classes.
        reg: L2 weight decay of the kernels.
        blocks: the number of blocks in each stage; with three stages, the depth is 4 + 2 times their sum.
        widen: the factor on the filters of a thin ResNet.
        stem_stride: 2 halves larger images (64 pixels and more) in the stem, for a quarter of the computation.

    Returns:
        An uncompiled model whose output is class probabilities, (n, classes).
    """

    def conv(x: keras.KerasTensor, count: int, kernel: int, stride: int = 1) -> keras.KerasTensor:
        return layers.Conv2D(
            count,
            kernel,
            stride,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            kernel_regularizer=decay(reg),
        )(x)

    inputs = keras.Input((height, width, channels))
    x = conv(inputs, 16, 3, stem_stride)
    for stage, count in enumerate(blocks):
        filters = 16 * 2**stage * widen
        for block in range(count):
            stride = 2 if block == 0 and stage > 0 else 1
            act = _bn_relu(x)
            same_shape = stride == 1 and x.shape[-1] == filters
            shortcut = x if same_shape else conv(act, filters, 1, stride)
            x = layers.Add()([shortcut, conv(_bn_relu(conv(act, filters, 3, stride)), filters, 3)])
    x = layers.GlobalAveragePooling2D()(_bn_relu(x))
    return keras.Model(inputs, probabilities(x, classes, reg), name="wideresnet")


def _bn_relu(x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.Activation("relu")(FusedBatchNormalization(momentum=0.9)(x))
