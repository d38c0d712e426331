"""Batch normalisation that is one kernel each way where the backend has one, and Keras's own elsewhere."""

from __future__ import annotations

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("harness")
class FusedBatchNormalization(layers.BatchNormalization):
    """``keras.layers.BatchNormalization`` over the last axis of (n, height, width, channels), with the same weights.

    On TensorFlow, Keras computes it by some ten operations, each of which reads and writes the whole batch. Here it is
    TensorFlow's fused operation. On other backends, and where the input is no batch of images, it is Keras's layer.
    """

    def call(self, inputs, training: bool | None = None, mask=None):
        fused = keras.backend.backend() == "tensorflow" and len(inputs.shape) == 4 and mask is None
        if not fused or self.axis not in (-1, 3):
            return super().call(inputs, training=training, mask=mask)
        return self._fused(inputs, bool(training and self.trainable))

    def counterpart(self) -> layers.BatchNormalization:
        """Keras's layer, which does the same."""
        return layers.BatchNormalization.from_config(self.get_config())

    def _fused(self, inputs, training: bool):
        import tensorflow

        scale = self.gamma if self.scale else ops.ones_like(self.moving_mean)
        offset = self.beta if self.center else ops.zeros_like(self.moving_mean)
        arguments = [ops.cast(value, "float32") for value in (scale, offset, self.moving_mean, self.moving_variance)]
        outputs, mean, variance, *_ = tensorflow.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=arguments[0],
            offset=arguments[1],
            mean=tensorflow.constant([], tensorflow.float32) if training else arguments[2],
            variance=tensorflow.constant([], tensorflow.float32) if training else arguments[3],
            epsilon=self.epsilon,
            is_training=training,
        )
        if training:
            # TensorFlow gives the variance of a sample, Keras keeps that of the batch.
            count = ops.cast(ops.prod(ops.shape(inputs)[:3]), "float32")
            variance = variance * ((count - 1) / count)
            for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(moving * self.momentum + ops.cast(value, moving.dtype) * (1 - self.momentum))
        return outputs
