"""The fused batch norm: the same as Keras's layer, in training and after it, in both precisions, and on disk."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from harness.models import keras_backend
from harness.models.networks._batch_norm import FusedBatchNormalization

pytestmark = pytest.mark.model

IMAGES = np.random.default_rng(0).normal(2, 3, (6, 5, 4, 7)).astype(np.float32)


@pytest.fixture(autouse=True)
def seeded():
    keras_backend.start(seed=1)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("affine", [True, False])
def test_outputs_statistics_and_gradients_are_those_of_keras(policy, affine):
    found = []
    for kind in (keras.layers.BatchNormalization, FusedBatchNormalization):
        layer = kind(momentum=0.6, epsilon=1e-3, scale=affine, center=affine, dtype=policy)
        model = keras.Sequential([keras.Input(IMAGES.shape[1:]), layer, keras.layers.Flatten(), keras.layers.Dense(1)])
        model.layers[-1].set_weights([np.linspace(-1, 1, 140, dtype=np.float32)[:, None], np.zeros(1, np.float32)])
        model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=False)
        before = keras.ops.convert_to_numpy(keras.ops.cast(layer(IMAGES, training=True), "float32"))
        model.train_on_batch(IMAGES, np.ones((6, 1), np.float32))
        after = keras.ops.convert_to_numpy(keras.ops.cast(layer(IMAGES, training=False), "float32"))
        found.append([before, after, *layer.get_weights(), *model.layers[-1].get_weights()])
    tolerance = 1e-4 if policy == "float32" else 0.05
    for plain, fused in zip(*found, strict=True):
        assert np.allclose(plain, fused, atol=tolerance, rtol=tolerance)


def test_weights_of_either_layer_load_into_the_other(tmp_path):
    plain = keras.Sequential([keras.Input(IMAGES.shape[1:]), keras.layers.BatchNormalization(name="norm")])
    fused = keras.Sequential([keras.Input(IMAGES.shape[1:]), FusedBatchNormalization(name="norm")])
    plain.layers[0].set_weights([np.arange(7, dtype=np.float32) + offset for offset in (1, 2, 3, 4)])
    plain.save_weights(tmp_path / "plain.weights.h5")
    fused.layers[0].set_weights(plain.layers[0].get_weights())
    assert np.allclose(plain(IMAGES), fused(IMAGES), atol=1e-4)
    fused.save(tmp_path / "fused.keras")
    assert np.allclose(keras.saving.load_model(tmp_path / "fused.keras")(IMAGES), plain(IMAGES), atol=1e-4)


def test_vectors_are_normalised_too():
    rows = IMAGES.reshape(6, -1)
    plain, fused = keras.layers.BatchNormalization(), FusedBatchNormalization()
    assert np.allclose(plain(rows, training=True), fused(rows, training=True), atol=1e-5)
