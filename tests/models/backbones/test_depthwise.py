"""The fast depthwise convolution: what Keras's layer gives and learns, for each way in which a kernel meets an edge."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from harness.models import keras_backend
from harness.models.backbones._depthwise import FastDepthwiseConv2D
from harness.models.plain import plain

pytestmark = pytest.mark.model

CHANNELS = 6
KINDS = (keras.layers.DepthwiseConv2D, FastDepthwiseConv2D)


@pytest.fixture(autouse=True)
def seeded():
    keras_backend.start(seed=1)


def learnt(kind, side, policy="float32", **settings) -> list[np.ndarray]:
    """A layer's outputs, then its weights after a step, and those of the layer before it."""
    rng = np.random.default_rng(0)
    images = rng.normal(size=(7, *side, CHANNELS)).astype(np.float32)
    before = keras.layers.Conv2D(CHANNELS, 1, dtype=policy)
    layer = kind(padding="same", dtype=policy, **settings)
    after = keras.layers.Dense(1, kernel_initializer="ones", dtype="float32")
    model = keras.Sequential([keras.Input(images.shape[1:]), before, layer, keras.layers.Flatten(), after])
    for one in (before, layer):
        one.set_weights([rng.normal(size=weight.shape).astype(np.float32) for weight in one.weights])
    outputs = keras.ops.convert_to_numpy(keras.ops.cast(layer(images), "float32"))
    model.compile(keras.optimizers.SGD(0.05), "mse", jit_compile=False)
    model.train_on_batch(images, rng.normal(size=(7, 1)).astype(np.float32))
    return [outputs, *layer.get_weights(), *before.get_weights()]


@pytest.mark.parametrize(
    ("side", "kernel", "stride"),
    [
        ((4, 4), 5, 1),
        ((3, 3), 5, 2),
        ((1, 1), 3, 2),
        ((4, 9), (3, 10), 1),
        ((5, 5), 3, 2),
    ],
)
def test_it_gives_and_learns_what_keras_does(side, kernel, stride):
    settings = {"kernel_size": kernel, "strides": stride, "use_bias": False}
    for theirs, ours in zip(*(learnt(kind, side, **settings) for kind in KINDS), strict=True):
        assert np.allclose(theirs, ours, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    "settings", [{"use_bias": True, "activation": "relu"}, {"depth_multiplier": 2}, {"dilation_rate": 2}]
)
def test_with_all_that_the_layer_can_do(settings):
    for theirs, ours in zip(*(learnt(kind, (4, 4), kernel_size=5, **settings) for kind in KINDS), strict=True):
        assert np.allclose(theirs, ours, atol=1e-4, rtol=1e-4)


def test_half_precision_is_near_to_whole():
    settings = {"kernel_size": 5, "use_bias": False}
    exact = learnt(keras.layers.DepthwiseConv2D, (4, 4), **settings)
    for right, ours in zip(exact, learnt(FastDepthwiseConv2D, (4, 4), "mixed_bfloat16", **settings), strict=True):
        assert np.abs(right - ours).max() <= 0.1 * np.abs(right).max()


def test_a_kept_network_needs_only_keras(tmp_path):
    network = keras.Sequential([keras.Input((4, 4, CHANNELS)), FastDepthwiseConv2D(5, padding="same")])
    plain(network).save(tmp_path / "network.keras")
    images = np.random.default_rng(0).normal(size=(3, 4, 4, CHANNELS)).astype(np.float32)
    kept = keras.saving.load_model(tmp_path / "network.keras", custom_objects={})
    assert type(kept.layers[0]) is keras.layers.DepthwiseConv2D
    assert np.allclose(kept(images), network(images), atol=1e-5)
