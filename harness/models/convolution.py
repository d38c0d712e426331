"""Convolutions that learn fast: the gradients that TensorFlow is slow at on a CPU, computed in another way."""

from __future__ import annotations

import functools

import keras
import numpy as np
from keras import layers, ops

from harness.models.inference import on_gpu

Array = np.ndarray


def convolved(layer: layers.Layer, inputs, kernel, *, learns: bool):
    """What a convolution without its bias and activation makes of (n, height, width, channels), with a given kernel.

    On TensorFlow, some gradients are computed in another way, which is faster there. In mixed precision, two of a
    depthwise convolution are computed in float32: by the inputs if it has strides, 29 to 121 times as fast; by a kernel
    larger than 3x3, 3 to 5 times. And some gradients by the kernel are matrix products:

    - of a kernel of 1x1, which is a matrix: 1.3 times as fast;
    - of a depthwise kernel that is larger than the images, as in a backbone's last blocks on images of 64x64: 8 to 37
      times as fast, and two fifths of a training step; of 5x5 on images of up to 7x7, 1.3 to 1.9 times.

    Args:
        layer: a ``Conv2D`` or ``DepthwiseConv2D``.
        inputs: the images.
        kernel: in place of the layer's own, of the same shape.
        learns: whether a gradient may be asked for.
    """
    depthwise = isinstance(layer, layers.DepthwiseConv2D)
    if learns and keras.backend.backend() == "tensorflow":
        if depthwise and layer.dilation_rate == (1, 1) and (_by_pairs(layer, inputs) or _is_halved(inputs)):
            return _depthwise(layer, inputs, kernel)
        if not depthwise and (layer.kernel_size, layer.strides, layer.groups) == ((1, 1), (1, 1), 1):
            return _pointwise(inputs, kernel)
    if not depthwise:
        return layer.convolution_op(inputs, kernel)
    return ops.depthwise_conv(
        inputs,
        kernel,
        strides=layer.strides,
        padding=layer.padding,
        dilation_rate=layer.dilation_rate,
        data_format=layer.data_format,
    )


def _pointwise(inputs, kernel):
    import tensorflow

    options = {"strides": (1, 1, 1, 1), "padding": "VALID"}

    @tensorflow.custom_gradient
    def convolution(inputs, kernel):
        def gradients(outer):
            by_inputs = tensorflow.raw_ops.Conv2DBackpropInput(
                input_sizes=tensorflow.shape(inputs), filter=kernel, out_backprop=outer, **options
            )
            rows, outer_rows = (ops.reshape(x, (-1, x.shape[-1])) for x in (inputs, outer))
            by_kernel = tensorflow.matmul(rows, outer_rows, transpose_a=True)
            return by_inputs, ops.reshape(by_kernel, kernel.shape)

        return tensorflow.raw_ops.Conv2D(input=inputs, filter=kernel, **options), gradients

    return convolution(inputs, kernel)


def _is_halved(inputs) -> bool:
    """Whether images are in half precision on a CPU."""
    return keras.backend.standardize_dtype(inputs.dtype) in ("bfloat16", "float16") and not on_gpu()


def _by_pairs(layer: layers.DepthwiseConv2D, inputs) -> bool:
    """Whether a layer is of the kind that the products of pairs are for, and has few enough pairs."""
    (height, width), (rows, columns) = inputs.shape[1:3], layer.kernel_size
    plain = layer.depth_multiplier == 1 and layer.dilation_rate == (1, 1) and layer.padding == "same"
    if not plain or None in (height, width):
        return False
    larger = rows > height or columns > width
    return larger or (min(rows, columns) >= 5 and height * width <= 2 * rows * columns)


def _depthwise(layer: layers.DepthwiseConv2D, inputs, kernel):
    import tensorflow

    options = {"strides": (1, *layer.strides, 1), "padding": layer.padding.upper()}
    # In bfloat16, oneDNN is slow at these two alone.
    slow = "float32" if _is_halved(inputs) else inputs.dtype
    for_inputs = inputs.dtype if layer.strides == (1, 1) else slow
    for_kernel = inputs.dtype if max(layer.kernel_size) <= 3 else slow

    @tensorflow.custom_gradient
    def convolution(inputs, kernel):
        def gradients(outer):
            by_inputs = tensorflow.raw_ops.DepthwiseConv2dNativeBackpropInput(
                input_sizes=tensorflow.shape(inputs),
                filter=ops.cast(kernel, for_inputs),
                out_backprop=ops.cast(outer, for_inputs),
                **options,
            )
            if _by_pairs(layer, inputs):
                by_kernel = _by_kernel(layer, inputs, outer)
            else:
                by_kernel = tensorflow.raw_ops.DepthwiseConv2dNativeBackpropFilter(
                    input=ops.cast(inputs, for_kernel),
                    filter_sizes=kernel.shape,
                    out_backprop=ops.cast(outer, for_kernel),
                    **options,
                )
            return ops.cast(by_inputs, inputs.dtype), ops.cast(by_kernel, kernel.dtype)

        return tensorflow.raw_ops.DepthwiseConv2dNative(input=inputs, filter=kernel, **options), gradients

    return convolution(inputs, kernel)


def _by_kernel(layer: layers.DepthwiseConv2D, inputs, outer):
    """The gradient of a depthwise kernel, from the inputs and the outputs' gradient.

    Each place of the kernel meets some pairs of an input's and an output's place. So the products of all pairs are
    summed over the images first, channel by channel, and then over the pairs of each place.
    """
    (height, width, channels), (rows, columns) = inputs.shape[1:], outer.shape[1:3]
    by_channel = ops.transpose(ops.reshape(inputs, (-1, height * width, channels)), (2, 1, 0))
    outer = ops.transpose(ops.reshape(outer, (-1, rows * columns, channels)), (2, 0, 1))
    pairs = ops.cast(ops.matmul(by_channel, outer), "float32")
    places = meetings((height, width), (rows, columns), layer.kernel_size, layer.strides)
    by_place = ops.matmul(places, ops.transpose(ops.reshape(pairs, (channels, -1))))
    return ops.reshape(by_place, (*layer.kernel_size, channels, 1))


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
