"""Convolutions whose filters learn fast: what Keras's layers give and learn, for each way a kernel meets an edge."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from harness.models import keras_backend
from harness.models.convolution import convolved

pytestmark = pytest.mark.model

CHANNELS = 6


class Depthwise(keras.layers.DepthwiseConv2D):
    """Keras's layer on our convolution; bias and activation are the layer's own affair."""

    def call(self, inputs):
        return convolved(self, inputs, keras.ops.cast(self.kernel, inputs.dtype), learns=True)


class Convolution(keras.layers.Conv2D):
    """The same of a convolution over all channels."""

    def call(self, inputs):
        return convolved(self, inputs, keras.ops.cast(self.kernel, inputs.dtype), learns=True)


@pytest.fixture(autouse=True)
def seeded():
    keras_backend.start(seed=1)


def learnt(layer, side, policy="float32") -> list[np.ndarray]:
    """A layer's outputs, then its weights after a step, and those of the layer before it."""
    rng = np.random.default_rng(0)
    images = rng.normal(size=(7, *side, CHANNELS)).astype(np.float32)
    before = keras.layers.Conv2D(CHANNELS, 3, padding="same", dtype=policy)
    after = keras.layers.Dense(1, kernel_initializer="ones", dtype="float32")
    model = keras.Sequential([keras.Input(images.shape[1:]), before, layer, keras.layers.Flatten(), after])
    for one in (before, layer):
        one.set_weights([rng.normal(size=weight.shape).astype(np.float32) for weight in one.weights])
    outputs = keras.ops.convert_to_numpy(keras.ops.cast(layer(images), "float32"))
    model.compile(keras.optimizers.SGD(0.01), "mse", jit_compile=False)
    model.train_on_batch(images, rng.normal(size=(7, 1)).astype(np.float32))
    return [outputs, *layer.get_weights(), *before.get_weights()]


def agree(theirs, ours, side) -> None:
    for right, found in zip(learnt(theirs, side), learnt(ours, side), strict=True):
        assert np.allclose(right, found, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("side", "kernel", "stride"),
    [
        ((4, 4), 5, 1),
        ((3, 3), 5, 2),
        ((1, 1), 3, 2),
        ((4, 9), (3, 10), 1),
        ((5, 5), 3, 2),
        ((6, 6), 5, 2),
        ((7, 7), 5, 1),
        ((9, 4), 5, 1),
        ((8, 8), 5, 1),
    ],
)
def test_a_depthwise_kernel_gives_and_learns_what_keras_does(side, kernel, stride):
    settings = {"kernel_size": kernel, "strides": stride, "padding": "same", "use_bias": False}
    agree(keras.layers.DepthwiseConv2D(**settings), Depthwise(**settings), side)


@pytest.mark.parametrize("more", [{"depth_multiplier": 2}, {"dilation_rate": 2}, {"padding": "valid"}])
def test_a_depthwise_kernel_of_any_kind(more):
    settings = {"kernel_size": 5, "padding": "same", "use_bias": False} | more
    agree(keras.layers.DepthwiseConv2D(**settings), Depthwise(**settings), (6, 6))


@pytest.mark.parametrize("more", [{}, {"strides": 2}, {"groups": 2}, {"kernel_size": 3}, {"padding": "same"}])
def test_a_kernel_of_one_pixel_gives_and_learns_what_keras_does(more):
    settings = {"filters": 10, "kernel_size": 1, "use_bias": False} | more
    agree(keras.layers.Conv2D(**settings), Convolution(**settings), (5, 4))


@pytest.mark.parametrize(
    ("side", "settings"),
    [
        ((4, 4), {"kernel_size": 5, "padding": "same"}),
        ((8, 8), {"kernel_size": 3, "padding": "same"}),
        ((9, 8), {"kernel_size": 3, "padding": "same", "strides": 2}),
        ((9, 8), {"kernel_size": 5, "padding": "valid", "strides": 2}),
        ((8, 8), {"kernel_size": 3, "padding": "same", "depth_multiplier": 2}),
        ((8, 8), {"kernel_size": 3, "padding": "same", "dilation_rate": 2}),
    ],
)
def test_a_depthwise_kernel_in_half_precision_is_near_to_whole(side, settings):
    near(keras.layers.DepthwiseConv2D, Depthwise, side, settings)


def test_a_kernel_of_one_pixel_in_half_precision_is_near_to_whole():
    near(keras.layers.Conv2D, Convolution, (4, 4), {"filters": 10, "kernel_size": 1})


def near(theirs, ours, side, settings) -> None:
    exact = learnt(theirs(**settings, use_bias=False), side)
    half = learnt(ours(**settings, use_bias=False, dtype="mixed_bfloat16"), side, "mixed_bfloat16")
    for right, found in zip(exact, half, strict=True):
        assert np.abs(right - found).max() <= 0.1 * np.abs(right).max()
