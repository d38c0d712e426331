"""Convolutions fused with the batch norms behind them: one pass over the images where two layers take four."""

from __future__ import annotations

import keras
from keras import layers, ops

from harness.models.convolution import convolved


class FusedConvolution(layers.Layer):
    """A convolution and the batch norm behind it, as one convolution with a bias, on (n, height, width, channels).

    A norm whose statistics do not change only scales and shifts each channel. So the kernel is scaled instead, which
    is small, and the shift is the convolution's bias, which TensorFlow computes together with the convolution, and
    with the ReLU or the sum that follows. The weights are those of the two layers, and learn as they do there.

    Source: Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference
    (2018), section 3.2, on a norm that is folded into a convolution.

    Args:
        convolution: a ``Conv2D`` or ``DepthwiseConv2D``.
        norm: a ``BatchNormalization`` over the last axis; it is used as in inference, and its own scale does not learn.
    """

    def __init__(self, convolution: layers.Layer, norm: layers.BatchNormalization) -> None:
        super().__init__(dtype=convolution.dtype_policy, name=f"{convolution.name}_fused")
        self.convolution, self.norm = convolution, norm

    def call(self, inputs, training: bool | None = None):
        layer, norm = self.convolution, self.norm
        scale = ops.rsqrt(ops.cast(norm.moving_variance, "float32") + norm.epsilon)
        if norm.scale:
            scale = scale * ops.cast(norm.gamma, "float32")
        kernel = ops.cast(layer.kernel, "float32")
        shape = (1, 1, *kernel.shape[2:]) if isinstance(layer, layers.DepthwiseConv2D) else (1, 1, 1, -1)
        kernel = ops.cast(kernel * ops.reshape(scale, shape), self.compute_dtype)
        bias = (layer.bias if layer.use_bias else 0) - norm.moving_mean
        bias = ops.cast(bias, "float32") * scale + (ops.cast(norm.beta, "float32") if norm.center else 0)
        outputs = convolved(layer, inputs, kernel, learns=bool(training and layer.trainable))
        return ops.add(outputs, ops.cast(ops.reshape(bias, (1, 1, 1, -1)), self.compute_dtype))

    def compute_output_shape(self, input_shape) -> tuple:
        return self.convolution.compute_output_shape(input_shape)


def fuse(network: keras.Model, *, predicts: bool = False) -> keras.Model:
    """The same function of the same weights, with convolutions fused with the batch norms behind them.

    It is a second model beside the network, which stays as it is: layers are named, kept and exported from there.

    Args:
        network: functional or sequential, at any depth of nesting.
        predicts: all norms are fused, as the model is never trained; otherwise those that are frozen.

    Returns:
        The network itself if it has nothing to fuse.
    """
    if not any(_fixed(layer, predicts) for layer in network._flatten_layers()):
        return network
    if isinstance(network, keras.Sequential):
        network = keras.Model(network.inputs, network.outputs, name=network.name)
    # By the id of the output, which is kept beside it: an id may be used again.
    convolutions: dict[int, tuple] = {}

    def called(operation, *arguments, **options):
        if _fixed(operation, predicts) and id(arguments[0]) in convolutions:
            _, convolution, inputs = convolutions[id(arguments[0])]
            return FusedConvolution(convolution, operation)(inputs)
        outputs = operation(*arguments, **options)
        if _convolves(operation):
            convolutions[id(outputs)] = outputs, operation, arguments[0]
        return outputs

    def twin(operation):
        return fuse(operation, predicts=predicts) if isinstance(operation, keras.Model) else operation

    return keras.models.clone_model(network, clone_function=twin, call_function=called)


def _fixed(operation, predicts: bool) -> bool:
    """Whether it is a batch norm whose statistics stay as they are."""
    norm = isinstance(operation, layers.BatchNormalization)
    return norm and operation.axis in (-1, 3) and (predicts or not operation.trainable)


def _convolves(operation) -> bool:
    """Whether it is a convolution of images, channels last, that a norm can be fused with."""
    kinds = isinstance(operation, layers.Conv2D | layers.DepthwiseConv2D)
    return kinds and operation.data_format == "channels_last" and operation.activation is keras.activations.linear
