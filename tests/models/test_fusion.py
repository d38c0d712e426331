"""Convolutions fused with the batch norms behind them: the same function, which learns the same."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from harness.models import keras_backend
from harness.models.backbones import find
from harness.models.fusion import FusedConvolution, fuse
from harness.models.networks import build as build_network
from harness.models.networks._batch_norm import FusedBatchNormalization

pytestmark = pytest.mark.model

layers = keras.layers
RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(6, 8, 8, 4)).astype(np.float32)


@pytest.fixture(autouse=True)
def seeded():
    keras_backend.start(seed=1)


def lively(network: keras.Model) -> keras.Model:
    """The network with weights and statistics that all matter."""
    rng = np.random.default_rng(1)
    network.set_weights(
        [
            (rng.uniform(0.5, 1.5, weight.shape) if len(weight.shape) == 1 else rng.normal(0, 0.3, weight.shape))
            for weight in network.weights
        ]
    )
    return network


def functional(*between, frozen=True, dtype="float32") -> keras.Model:
    """A network of some layers, of which the norms are frozen, and a layer of two classes."""
    inputs = keras.Input(IMAGES.shape[1:])
    x = inputs
    for layer in between:
        x = layer(x)
        if frozen and isinstance(layer, layers.BatchNormalization):
            layer.trainable = False
    outputs = layers.Dense(2, activation="softmax", dtype="float32")(layers.GlobalAveragePooling2D()(x))
    return lively(keras.Model(inputs, outputs))


def fused_in(model: keras.Model) -> list[FusedConvolution]:
    return [layer for layer in model._flatten_layers() if isinstance(layer, FusedConvolution)]


def answers(model: keras.Model, images=IMAGES) -> np.ndarray:
    return model.predict_on_batch(images)


def after_a_step(model: keras.Model, network: keras.Model) -> list[np.ndarray]:
    """The network's weights after a step of training by a model of the same weights."""
    labels = np.eye(2, dtype=np.float32)[np.arange(len(IMAGES)) % 2]
    model.compile(keras.optimizers.SGD(0.5), "categorical_crossentropy", jit_compile=False)
    model.train_on_batch(IMAGES, labels)
    return network.get_weights()


KINDS = {
    "3x3": lambda: (layers.Conv2D(5, 3, padding="same"), layers.BatchNormalization()),
    "one pixel, no bias": lambda: (layers.Conv2D(5, 1, use_bias=False), layers.BatchNormalization()),
    "strided, in groups": lambda: (layers.Conv2D(6, 3, 2, groups=2), layers.BatchNormalization(epsilon=0.1)),
    "dilated": lambda: (layers.Conv2D(3, 3, dilation_rate=2), layers.BatchNormalization(scale=False)),
    "depthwise": lambda: (layers.DepthwiseConv2D(3, padding="same"), layers.BatchNormalization(center=False)),
    "depthwise, larger than the images": lambda: (
        layers.MaxPooling2D(2),
        layers.DepthwiseConv2D(5, padding="same", use_bias=False),
        layers.BatchNormalization(),
    ),
    "depthwise, two of each": lambda: (layers.DepthwiseConv2D(3, depth_multiplier=2), layers.BatchNormalization()),
    "our own norm": lambda: (layers.Conv2D(5, 3), FusedBatchNormalization(), layers.ReLU()),
}


@pytest.mark.parametrize("kind", KINDS)
def test_it_answers_and_learns_as_the_two_layers_do(kind):
    network, twin = functional(*KINDS[kind]()), functional(*KINDS[kind]())
    one = fuse(twin)
    assert len(fused_in(one)) == 1
    assert not any(isinstance(layer, layers.BatchNormalization) for layer in one.layers)
    assert np.allclose(answers(network), answers(one), atol=1e-6)
    assert len(one.trainable_variables) == len(network.trainable_variables)
    before = twin.get_weights()
    learnt = after_a_step(one, twin)
    assert any(not np.allclose(old, new) for old, new in zip(before, learnt, strict=True))
    for right, found in zip(after_a_step(network, network), learnt, strict=True):
        assert np.allclose(right, found, atol=1e-5)


def test_the_network_stays_as_it_is_and_follows():
    network = functional(layers.Conv2D(5, 3), layers.BatchNormalization())
    names = [layer.name for layer in network.layers]
    one = fuse(network)
    after_a_step(one, network)
    assert [layer.name for layer in network.layers] == names
    assert np.allclose(answers(network), answers(one), atol=1e-6)


def test_norms_that_learn_are_fused_to_predict_alone():
    network = functional(layers.Conv2D(5, 3), layers.BatchNormalization(), frozen=False)
    assert fuse(network) is network
    one = fuse(network, predicts=True)
    assert len(fused_in(one)) == 1
    assert np.allclose(answers(network), answers(one), atol=1e-6)


def test_what_cannot_be_fused_stays():
    """A norm behind no convolution, or one behind a convolution with an activation, or over another axis."""
    network = functional(
        layers.BatchNormalization(),
        layers.Conv2D(5, 3, activation="relu"),
        layers.BatchNormalization(),
        layers.Conv2D(5, 3),
        layers.BatchNormalization(axis=1),
    )
    one = fuse(network)
    assert not fused_in(one)
    assert np.allclose(answers(network), answers(one), atol=1e-6)


def test_without_norms_it_is_the_network_itself():
    network = functional(layers.Conv2D(5, 3))
    assert fuse(network) is network


def test_a_convolution_whose_output_goes_elsewhere_too():
    inputs = keras.Input(IMAGES.shape[1:])
    x = layers.Conv2D(5, 3)(inputs)
    norm = layers.BatchNormalization(trainable=False)
    x = layers.Add()([norm(x), x])
    network = lively(keras.Model(inputs, layers.Dense(2, activation="softmax")(layers.Flatten()(x))))
    one = fuse(network)
    assert len(fused_in(one)) == 1
    assert np.allclose(answers(network), answers(one), atol=1e-6)


def test_networks_in_networks():
    """Sequential in functional, and one part that is asked twice."""
    part = keras.Sequential([layers.Conv2D(4, 3, padding="same"), layers.BatchNormalization(), layers.ReLU()])
    inputs = keras.Input(IMAGES.shape[1:])
    outputs = layers.Dense(2, activation="softmax")(layers.Flatten()(part(part(inputs))))
    network = lively(keras.Model(inputs, outputs))
    for whole in (network, keras.Sequential([keras.Input(IMAGES.shape[1:]), network])):
        one = fuse(whole, predicts=True)
        assert fused_in(one)
        assert np.allclose(answers(network), answers(one), atol=1e-6)


def test_layers_that_are_asked_twice_are_fused_once():
    inputs = keras.Input(IMAGES.shape[1:])
    convolution = layers.Conv2D(4, 3, padding="same")
    norm, other = layers.BatchNormalization(), layers.BatchNormalization()
    x = norm(convolution(norm(convolution(inputs))))
    x = layers.Add()([x, other(convolution(x))])
    network = lively(keras.Model(inputs, layers.Dense(2, activation="softmax")(layers.Flatten()(x))))
    one = fuse(network, predicts=True)
    assert len({id(layer) for layer in fused_in(one)}) == 2
    assert np.allclose(answers(network), answers(one), atol=1e-6)


def test_a_sequential_network_is_asked_as_any_other():
    network = keras.Sequential([keras.Input(IMAGES.shape[1:]), layers.Conv2D(4, 3), layers.BatchNormalization()])
    one = fuse(lively(network), predicts=True)
    pixels = keras.Input(IMAGES.shape[1:])
    asking = keras.Model(pixels, layers.Flatten()(one(pixels)))
    assert np.allclose(answers(network).reshape(len(IMAGES), -1), answers(asking), atol=1e-6)
    assert np.asarray(one(IMAGES)).shape == answers(network).shape


class Halving(layers.Conv2D):
    """A layer made from Keras's, which does something else."""

    def call(self, inputs):
        return super().call(inputs) / 2


def test_a_layer_of_somebody_elses_stays():
    network = functional(Halving(5, 3), layers.BatchNormalization())
    assert not fused_in(fuse(network))
    assert np.allclose(answers(network), answers(fuse(network)), atol=1e-6)


def test_a_norm_that_is_asked_for_the_batchs_statistics_stays():
    inputs = keras.Input(IMAGES.shape[1:])
    x = layers.BatchNormalization()(layers.Conv2D(4, 3)(inputs), training=True)
    network = lively(keras.Model(inputs, layers.Dense(2, activation="softmax")(layers.Flatten()(x))))
    one = fuse(network, predicts=True)
    assert not fused_in(one)
    assert np.allclose(answers(network), answers(one), atol=1e-6)


class Model(keras.Model):
    """A model that is no graph of layers."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = layers.BatchNormalization()

    def call(self, inputs):
        return self.norm(inputs)


def test_a_model_that_is_no_graph_stays():
    model = Model()
    model(IMAGES)
    assert fuse(model, predicts=True) is model


def test_half_precision_is_near_to_whole():
    exact = functional(*KINDS["3x3"]())
    half = {"dtype": "mixed_bfloat16"}
    one = fuse(functional(layers.Conv2D(5, 3, padding="same", **half), layers.BatchNormalization(**half)))
    assert keras.backend.standardize_dtype(fused_in(one)[0].output.dtype) == "bfloat16"
    assert np.abs(answers(exact) - answers(one)).max() < 0.03


def test_all_norms_of_a_backbone():
    base = find("efficientnet-lite0", 64).tunable((), "block6a_expand_conv", weights=False)
    rng = np.random.default_rng(1)
    base.set_weights([rng.uniform(0.5, 1.5, w.shape) if len(w.shape) == 1 else w for w in base.get_weights()])
    images = np.random.default_rng(2).uniform(0, 255, (2, 64, 64, 3)).astype(np.float32)
    one = fuse(base)
    assert not any(isinstance(layer, layers.BatchNormalization) for layer in one.layers)
    exact = answers(base, images)
    assert np.abs(exact - answers(one, images)).max() <= 1e-4 * np.abs(exact).max()


@pytest.mark.parametrize("name", ["airbench", "minigooglenet", "resnet", "wideresnet"])
def test_networks_of_ours_predict_the_same(name):
    options = {"stages": (1, 1, 1)} if name == "resnet" else {}
    network = lively(build_network(name, 16, 16, 3, 4, **options))
    images = np.random.default_rng(2).normal(size=(3, 16, 16, 3)).astype(np.float32)
    one = fuse(network, predicts=True)
    assert fused_in(one)
    assert np.allclose(answers(network, images), answers(one, images), atol=1e-5)
