"""The fast network for CIFAR-10: few, wide convolutions at low resolution, each with a batch norm and GELU."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from harness.models.gelu import Gelu
from harness.models.networks._batch_norm import FusedBatchNormalization
from harness.models.networks._layers import decay

SMALLEST = 8  # halved by each of three blocks


def build(
    height: int,
    width: int,
    channels: int,
    classes: int,
    *,
    reg: float = 0.0,
    widths: tuple[int, ...] = (64, 256, 256),
    depth: int = 2,
    logit_scale: float = 1 / 9,
) -> keras.Model:
    """Blocks of (CONV → POOL → BN → GELU, then CONV → BN → GELU), POOL, DENSE. Made to stand behind whitening.

    1,973,632 parameters for 31×31×24 (whitened images of 32 pixels) and 10 classes. The larger ones of the source have
    ``widths=(128, 384, 384)``, and ``widths=(128, 512, 512), depth=3``.

    Source: Jordan, 94 % on CIFAR-10 in 3.29 seconds on a single GPU (2024).

    Args:
        height, width, channels: the shape of the input.
        classes: the number of classes.
        reg: L2 weight decay of the kernels.
        widths: the filters of each block; each halves the image.
        depth: convolutions per block; from 3 on, the block's last part is added to what its pooling gave.
        logit_scale: what the dense layer gives is multiplied by this.

    Returns:
        An uncompiled model whose output is class probabilities, (n, classes).
    """

    def conv(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
        return layers.Conv2D(
            filters,
            3,
            padding="same",
            use_bias=False,
            kernel_initializer=PartialIdentity(),
            kernel_regularizer=decay(reg),
        )(x)

    def norm(x: keras.KerasTensor) -> keras.KerasTensor:
        return FusedBatchNormalization(momentum=0.6, epsilon=1e-5, scale=False)(x)

    def block(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
        x = pooled = Gelu()(norm(layers.MaxPooling2D(2)(conv(x, filters))))
        for number in range(2, depth + 1):
            x = norm(conv(x, filters))
            if depth > 2 and number == depth:
                x = layers.Add()([x, pooled])
            x = Gelu()(x)
        return x

    inputs = x = keras.Input((height, width, channels))
    for filters in widths:
        x = block(x, filters)
    x = layers.Flatten()(layers.GlobalMaxPooling2D()(x))
    # Within ± 1 / √(inputs), as the convolutions' noise.
    start = keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")
    dense = layers.Dense(
        classes, use_bias=False, kernel_initializer=start, kernel_regularizer=decay(reg), dtype="float32"
    )
    logits = dense(x)
    scaled = layers.Rescaling(logit_scale, dtype="float32")(logits)
    return keras.Model(inputs, layers.Activation("softmax", dtype="float32")(scaled), name="airbench")


@keras.saving.register_keras_serializable("harness")
class PartialIdentity(keras.initializers.Initializer):
    """A convolution that starts by handing its input channels through; filters beyond them start as uniform noise.

    The noise is within ± 1 / √(inputs of a filter), as PyTorch starts its convolutions.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def __call__(self, shape, dtype=None):
        height, width, inputs, filters = shape
        identity = np.zeros(shape, np.float32)
        same = np.arange(min(inputs, filters))
        identity[height // 2, width // 2, same, same] = 1
        bound = 1 / np.sqrt(height * width * inputs)
        noise = keras.random.uniform(shape, -bound, bound, dtype=dtype, seed=self.generator)
        return keras.ops.where(np.arange(filters) < inputs, keras.ops.cast(identity, noise.dtype), noise)

    def get_config(self) -> dict:
        return {"seed": self._seed}
