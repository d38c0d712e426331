"""Convolutions fused with the batch norms behind them: one pass over the images where two layers take four."""

from __future__ import annotations

import keras
from keras import layers, ops

from harness.models.convolution import convolved
from harness.models.networks._batch_norm import FusedBatchNormalization


class FusedConvolution(layers.Layer):
    """A convolution and the batch norm behind it, as one convolution with a bias, on (n, height, width, channels).

    A norm whose statistics do not change only scales and shifts each channel. So the kernel is scaled instead, which
    is small, and the shift is the convolution's bias, which TensorFlow computes together with the convolution, and
    with the ReLU or the sum that follows. The weights are those of the two layers; the kernel learns as it does there.

    Source: Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference
    (2018), section 3.2, on a norm that is folded into a convolution.

    Args:
        convolution: a ``Conv2D`` or ``DepthwiseConv2D``.
        norm: a ``BatchNormalization`` over the last axis that is frozen, or in a model that only predicts.
    """

    def __init__(self, convolution: layers.Layer, norm: layers.BatchNormalization) -> None:
        # Weights come in float32, so that the scaled kernel is rounded once where the convolution computes in bfloat16.
        super().__init__(dtype="float32", autocast=False, name=f"{convolution.name}_{norm.name}")
        self.convolution, self.norm = convolution, norm

    def call(self, inputs, training: bool | None = None):
        layer, norm, precision = self.convolution, self.norm, self.convolution.compute_dtype
        scale = ops.rsqrt(norm.moving_variance + norm.epsilon)
        if norm.scale:
            scale = scale * norm.gamma
        shape = (1, 1, *layer.kernel.shape[2:]) if isinstance(layer, layers.DepthwiseConv2D) else (1, 1, 1, -1)
        kernel = ops.cast(layer.kernel * ops.reshape(scale, shape), precision)
        bias = ((layer.bias if layer.use_bias else 0) - norm.moving_mean) * scale + (norm.beta if norm.center else 0)
        learns = bool(training and layer.trainable)
        outputs = convolved(layer, ops.cast(inputs, precision), kernel, learns=learns)
        return ops.add(outputs, ops.cast(ops.reshape(bias, (1, 1, 1, -1)), precision))

    def compute_output_spec(self, inputs, training: bool | None = None) -> keras.KerasTensor:
        shape = self.convolution.compute_output_shape(inputs.shape)
        return keras.KerasTensor(shape, self.convolution.compute_dtype)


def fuse(network: keras.Model, *, predicts: bool = False) -> keras.Model:
    """The same function of the same weights, with convolutions fused with the batch norms behind them.

    It is a second model beside the network, which stays as it is: layers are named, kept and exported from there.

    Args:
        network: functional or sequential, at any depth of nesting; a model of another kind stays as it is.
        predicts: all norms are fused, as the model is never trained; otherwise those that are frozen.

    Returns:
        The network itself if it has no norm that could be fused.
    """
    graph = network._functional if isinstance(network, keras.Sequential) else network
    if not hasattr(graph, "_run_through_graph") or not any(_fixed(one, predicts) for one in graph._flatten_layers()):
        return network
    fusion = _Fusion(predicts)
    return keras.models.clone_model(graph, clone_function=fusion.clone, call_function=fusion.call)


class _Fusion:
    """What makes the second model, operation by operation.

    Args:
        predicts: as for ``fuse``.
    """

    def __init__(self, predicts: bool) -> None:
        self.predicts = predicts
        # By the id of the output, which is kept beside it: an id may be used again.
        self.convolutions: dict[int, tuple[object, layers.Layer, object]] = {}
        # A layer or a model that is asked several times is so here too.
        self.fused: dict[tuple[int, int], FusedConvolution] = {}
        self.models: dict[int, keras.Model] = {}

    def clone(self, operation):
        if not isinstance(operation, keras.Model):
            return operation
        if id(operation) not in self.models:
            self.models[id(operation)] = fuse(operation, predicts=self.predicts)
        return self.models[id(operation)]

    def call(self, operation, *arguments, **options):
        alone = len(arguments) == 1 and all(value is None for value in options.values())
        if alone and _fixed(operation, self.predicts) and id(arguments[0]) in self.convolutions:
            _, convolution, inputs = self.convolutions[id(arguments[0])]
            pair = id(convolution), id(operation)
            if pair not in self.fused:
                self.fused[pair] = FusedConvolution(convolution, operation)
            return self.fused[pair](inputs)
        outputs = operation(*arguments, **options)
        if alone and _convolves(operation):
            self.convolutions[id(outputs)] = outputs, operation, arguments[0]
        return outputs


def _fixed(operation, predicts: bool) -> bool:
    """Whether it is a batch norm whose statistics stay as they are; a layer made from one may do something else."""
    norm = type(operation) in (layers.BatchNormalization, FusedBatchNormalization)
    return norm and operation.axis in (-1, 3) and (predicts or not operation.trainable)


def _convolves(operation) -> bool:
    """Whether it is a convolution of images, channels last, with nothing of its own between it and a norm."""
    if type(operation) not in (layers.Conv2D, layers.DepthwiseConv2D) or operation.data_format != "channels_last":
        return False
    return operation.activation is keras.activations.linear and operation.activity_regularizer is None
