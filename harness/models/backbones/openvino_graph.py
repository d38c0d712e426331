"""Converts a Keras model to an OpenVINO graph, layer by layer.

OpenVINO's own converter supports only one of Keras's backends, TensorFlow. It takes seconds (for ConvNeXt a minute) and
sends telemetry. Image networks need only a few kinds of layers. Keras has (n, h, w, c) and OpenVINO has (n, c, h, w):
in every rule below, the channels are axis 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import openvino
from openvino import opset13 as ops

Array = np.ndarray
Node = Any


class UnsupportedError(Exception):
    """There is no conversion rule for a layer; the message names the layer."""


def convert(model: keras.Model) -> openvino.Model:
    """The same function for one image: from (1, h, w, 3) uint8 to (1, d) float32.

    Raises:
        UnsupportedError: there is no conversion rule for a layer.
    """
    image = ops.parameter([1, *model.inputs[0].shape[1:]], np.uint8)
    nodes = {id(model.inputs[0]): ops.transpose(ops.convert(image, "f32"), [0, 3, 1, 2])}
    # Keras lists the operations in an order in which they can be computed.
    for operation in model.operations:
        if isinstance(operation, keras.layers.InputLayer):
            continue
        if len(operation._inbound_nodes) != 1:
            raise UnsupportedError(f"{operation.name} is used more than once")
        arguments = operation._inbound_nodes[0].arguments.args
        arguments = arguments[0] if isinstance(arguments[0], list | tuple) else arguments
        inputs = (nodes.get(id(argument), argument) for argument in arguments)
        nodes[id(operation.output)] = _apply(operation, *inputs)
    return openvino.Model([nodes[id(model.outputs[0])]], [image], model.name)


def _apply(operation, x: Node, *more: Any) -> Node:
    kind = type(operation).__name__
    if kind not in _RULES:
        raise UnsupportedError(f"{operation.name} is a {kind}")
    return _activated(operation, _RULES[kind](operation, x, *more))


def _activated(operation, x: Node) -> Node:
    """Apply the layer's own activation, if it has one."""
    function = getattr(operation, "activation", None)
    name = "linear" if function is None else keras.activations.serialize(function)
    if name not in _ACTIVATIONS:
        raise UnsupportedError(f"{operation.name} has activation {name}")
    return _ACTIVATIONS[name](x)


_ACTIVATIONS: dict[str, Callable[[Node], Node]] = {
    "linear": lambda x: x,
    "relu": ops.relu,
    "silu": ops.swish,
    "sigmoid": ops.sigmoid,
    "gelu": lambda x: ops.gelu(x, "erf"),
    "softmax": lambda x: ops.softmax(x, 1),
}


def _by_channel(x: Node, value) -> Array:
    """A number, or one number per channel, in a shape that broadcasts against ``x``."""
    value = np.asarray(keras.ops.convert_to_numpy(value), np.float32)
    return value.reshape(1, -1, *[1] * (len(x.shape) - 2))


def _scaled(x: Node, scale, shift) -> Node:
    return ops.add(ops.multiply(x, _by_channel(x, scale)), _by_channel(x, shift))


def _biased(layer, x: Node) -> Node:
    return ops.add(x, _by_channel(x, layer.bias)) if layer.use_bias else x


def _convolution(layer, x: Node) -> Node:
    kernel = layer.get_weights()[0]
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        kernel, groups = kernel.transpose(2, 3, 0, 1)[:, :, None], kernel.shape[2]
    else:
        kernel, groups = kernel.transpose(3, 2, 0, 1), layer.groups
        if groups > 1:
            kernel = kernel.reshape(groups, -1, *kernel.shape[1:])
    convolve = ops.convolution if groups == 1 and kernel.ndim == 4 else ops.group_convolution
    pad = [0, 0], [0, 0]
    x = convolve(
        x, np.ascontiguousarray(kernel), [*layer.strides], *pad, [*layer.dilation_rate], _PADDING[layer.padding]
    )
    return _biased(layer, x)


_PADDING = {"same": "same_upper", "valid": "valid"}


def _dense(layer, x: Node) -> Node:
    kernel = layer.get_weights()[0]
    if len(x.shape) == 2:
        return _biased(layer, ops.matmul(x, kernel, False, False))
    kernel = np.ascontiguousarray(kernel.T[:, :, None, None])
    return _biased(layer, ops.convolution(x, kernel, [1, 1], [0, 0], [0, 0], [1, 1]))


def _batch_normalization(layer, x: Node) -> Node:
    read = keras.ops.convert_to_numpy
    scale = (read(layer.gamma) if layer.scale else 1) / np.sqrt(read(layer.moving_variance) + layer.epsilon)
    shift = (read(layer.beta) if layer.center else 0) - read(layer.moving_mean) * scale
    return _scaled(x, scale, shift)


def _layer_normalization(layer, x: Node) -> Node:
    x = ops.mvn(x, np.array([1]), True, layer.epsilon, "inside_sqrt")
    return _scaled(x, layer.gamma if layer.scale else 1, layer.beta if layer.center else 0)


def _normalization(layer, x: Node) -> Node:
    mean, variance = (keras.ops.convert_to_numpy(value) for value in (layer.mean, layer.variance))
    scale = 1 / np.maximum(np.sqrt(variance), keras.config.epsilon())
    return _scaled(x, scale, -mean * scale)


def _relu(layer, x: Node) -> Node:
    if layer.negative_slope or layer.threshold:
        raise UnsupportedError(f"{layer.name} is a leaky or shifted ReLU")
    return ops.relu(x) if layer.max_value is None else ops.clamp(x, 0.0, float(layer.max_value))


def _max_pooling(layer, x: Node) -> Node:
    pooled = ops.max_pool(
        x, [*layer.strides], [1, 1], [0, 0], [0, 0], [*layer.pool_size], auto_pad=_PADDING[layer.padding]
    )
    return pooled.output(0)


def _zero_padding(layer, x: Node) -> Node:
    (top, bottom), (left, right) = layer.padding
    return ops.pad(x, [0, 0, top, left], [0, 0, bottom, right], "constant", np.float32(0))


def _reshape(layer, x: Node) -> Node:
    if len(x.shape) != 2 or layer.target_shape[:-1] != (1, 1):
        raise UnsupportedError(f"{layer.name} reshapes to {layer.target_shape}")
    return ops.reshape(x, [1, -1, 1, 1], False)


def _flatten(_, x: Node) -> Node:
    """Flatten in Keras's order, with the channels last."""
    return ops.reshape(ops.transpose(x, [0, 2, 3, 1]) if len(x.shape) == 4 else x, [1, -1], False)


def _item(operation, x: Node, key) -> Node:
    if key != (Ellipsis, slice(None, None, -1)):
        raise UnsupportedError(f"{operation.name} is indexed by {key}")
    return ops.gather(x, np.arange(x.shape[1])[::-1].copy(), 1)


def _sequential(model, x: Node) -> Node:
    for layer in model.layers:
        x = _apply(layer, x)
    return x


def _concatenate(layer, *inputs: Node) -> Node:
    if layer.axis not in (-1, len(inputs[0].shape) - 1):
        raise UnsupportedError(f"{layer.name} concatenates along axis {layer.axis}")
    return ops.concat([*inputs], 1)


# By class name. The operation behind ``x + y`` has the same class name as the layer Add.
_RULES: dict[str, Callable[..., Node]] = {
    "Activation": lambda _, x: x,
    "Add": lambda _, x, y: ops.add(x, y),
    "BatchNormalization": _batch_normalization,
    "Concatenate": _concatenate,
    "Conv2D": _convolution,
    "Dense": _dense,
    "DepthwiseConv2D": _convolution,
    "Dropout": lambda _, x: x,
    "Flatten": _flatten,
    "GetItem": _item,
    "GlobalAveragePooling2D": lambda layer, x: ops.reduce_mean(x, [2, 3], layer.keepdims),
    "Identity": lambda _, x: x,
    "LayerNormalization": _layer_normalization,
    "LayerScale": lambda layer, x: ops.multiply(x, _by_channel(x, layer.get_weights()[0])),
    "MaxPooling2D": _max_pooling,
    "Multiply": lambda _, x, y: ops.multiply(x, y),
    "Normalization": _normalization,
    "ReLU": _relu,
    "Rescaling": lambda layer, x: _scaled(x, layer.scale, layer.offset),
    "Reshape": _reshape,
    "Sequential": _sequential,
    "ZeroPadding2D": _zero_padding,
}
