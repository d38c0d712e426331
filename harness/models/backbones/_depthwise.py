"""Depthwise convolution whose filters learn fast on small images too."""

from __future__ import annotations

import functools

import keras
import numpy as np
from keras import layers, ops

Array = np.ndarray


@keras.saving.register_keras_serializable("harness")
class FastDepthwiseConv2D(layers.DepthwiseConv2D):
    """``keras.layers.DepthwiseConv2D`` of (n, height, width, channels), with the same weights.

    Where a kernel is larger than its input, as in a backbone's last blocks on images of 64x64, TensorFlow's gradient
    of the filters on a CPU takes 8 to 37 times as long as it has to: two fifths of a training step. In training on
    TensorFlow it is two matrix products instead; elsewhere this is Keras's layer.
    """

    def call(self, inputs, training: bool | None = None):
        if not training or keras.backend.backend() != "tensorflow" or not self._is_larger_than(inputs):
            return super().call(inputs)
        outputs = self._convolution(inputs, ops.convert_to_tensor(self.kernel))
        return self.activation(outputs + ops.cast(self.bias, outputs.dtype) if self.use_bias else outputs)

    def counterpart(self) -> layers.DepthwiseConv2D:
        """Keras's layer, which does the same."""
        return layers.DepthwiseConv2D.from_config(self.get_config())

    def _is_larger_than(self, inputs) -> bool:
        """Whether the kernel is larger than the images, and the layer of the kind that the matrix products are for."""
        height, width = inputs.shape[1:3]
        plain = self.depth_multiplier == 1 and self.dilation_rate == (1, 1) and self.padding == "same"
        return plain and None not in (height, width) and (self.kernel_size[0] > height or self.kernel_size[1] > width)

    def _convolution(self, inputs, kernel):
        import tensorflow

        options = {"strides": (1, *self.strides, 1), "padding": "SAME"}

        @tensorflow.custom_gradient
        def convolution(inputs, kernel):
            def gradients(outer):
                by_inputs = tensorflow.raw_ops.DepthwiseConv2dNativeBackpropInput(
                    input_sizes=tensorflow.shape(inputs), filter=kernel, out_backprop=outer, **options
                )
                return by_inputs, ops.cast(self._by_kernel(inputs, outer), kernel.dtype)

            return tensorflow.raw_ops.DepthwiseConv2dNative(input=inputs, filter=kernel, **options), gradients

        return convolution(inputs, kernel)

    def _by_kernel(self, inputs, outer):
        """The gradient of the kernel, from the inputs and the outputs' gradient.

        Each place of the kernel meets some pairs of an input's and an output's place. So the products of all pairs are
        summed over the images first, channel by channel, and then over the pairs of each place.
        """
        (height, width, channels), (rows, columns) = inputs.shape[1:], outer.shape[1:3]
        by_channel = ops.transpose(ops.reshape(inputs, (-1, height * width, channels)), (2, 1, 0))
        outer = ops.transpose(ops.reshape(outer, (-1, rows * columns, channels)), (2, 0, 1))
        pairs = ops.cast(ops.matmul(by_channel, outer), "float32")
        places = meetings((height, width), (rows, columns), self.kernel_size, self.strides)
        by_place = ops.matmul(places, ops.transpose(ops.reshape(pairs, (channels, -1))))
        return ops.reshape(by_place, (*self.kernel_size, channels, 1))


def meetings(inputs: tuple[int, int], outputs: tuple[int, int], kernel: tuple[int, int], strides) -> Array:
    """Which places of an image a place of the kernel brings together, with padding "same".

    Args:
        inputs, outputs, kernel: height and width of each.
        strides: down and across.

    Returns:
        (places of the kernel, places of the input times places of the output) float32 of 0 and 1.
    """
    down, across = (_along(*sizes) for sizes in zip(inputs, outputs, kernel, strides, strict=True))
    both = np.einsum("kio,ljp->klijop", down, across)
    return both.reshape(kernel[0] * kernel[1], -1)


@functools.cache
def _along(inputs: int, outputs: int, kernel: int, stride: int) -> Array:
    """The same along one axis: (kernel, inputs, outputs)."""
    before = max((outputs - 1) * stride + kernel - inputs, 0) // 2
    place, input, output = np.ogrid[:kernel, :inputs, :outputs]
    return (input == output * stride + place - before).astype(np.float32)
