"""What is kept of a network needs Keras alone, and predicts the same."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from harness.models import keras_backend
from harness.models.plain import is_mixed, plain
from harness.recipes.network import Network

pytestmark = pytest.mark.model

IMAGES = np.random.default_rng(0).uniform(-2, 2, (4, 16, 16, 3)).astype(np.float32)


@pytest.mark.parametrize("whiten", [False, True])
def test_it_has_no_layer_of_ours_and_the_same_answers(whiten: bool, tmp_path):
    keras_backend.start(seed=1)
    options = {"widths": (8, 8, 8), "depth": 3}
    recipe = Network(network="airbench", options=options, size=(16, 16), whiten=whiten, epochs=1, learning_rate=0.1)
    network = recipe.architecture(lambda: 5)
    random = np.random.default_rng(1)
    network.set_weights([random.uniform(0.1, 0.6, weight.shape) for weight in network.get_weights()])
    same = plain(network)
    same.save(tmp_path / "kept.keras")
    assert "harness" not in same.to_json()
    again = keras.saving.load_model(tmp_path / "kept.keras", compile=False)
    expected = keras.ops.convert_to_numpy(network(IMAGES))
    assert expected.std() > 1e-3, "answers that differ by image and class"
    assert np.allclose(keras.ops.convert_to_numpy(again(IMAGES)), expected, atol=1e-5)


def test_what_is_trained_in_mixed_precision_may_be_had_in_float32(tmp_path):
    keras_backend.start(seed=1)
    with keras_backend.dtype_policy("mixed_bfloat16"):
        recipe = Network(network="airbench", options={"widths": (8, 8, 8)}, size=(16, 16), epochs=1, learning_rate=0.1)
        network = recipe.architecture(lambda: 5)
    assert is_mixed(network) and is_mixed(plain(network))
    plain(network, in_float32=True).save(tmp_path / "kept.keras")
    again = keras.saving.load_model(tmp_path / "kept.keras", compile=False)
    assert all(layer.compute_dtype == "float32" for layer in again._flatten_layers())
    expected = keras.ops.convert_to_numpy(network(IMAGES))
    assert np.allclose(keras.ops.convert_to_numpy(again(IMAGES)), expected, atol=0.02)


def test_an_operation_between_layers_stays():
    """As where channels are turned from RGB to BGR before VGG16."""
    pixels = keras.Input((4, 4, 3))
    network = keras.Model(pixels, keras.layers.Flatten()(pixels[..., ::-1]))
    images = np.random.default_rng(0).random((2, 4, 4, 3), np.float32)
    assert np.array_equal(plain(network)(images), network(images))
