"""What is kept of a network needs Keras alone, and predicts the same."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from harness.models import keras_backend
from harness.models.plain import plain
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


def test_an_operation_between_layers_stays():
    """As where channels are turned from RGB to BGR before VGG16."""
    pixels = keras.Input((4, 4, 3))
    network = keras.Model(pixels, keras.layers.Flatten()(pixels[..., ::-1]))
    images = np.random.default_rng(0).random((2, 4, 4, 3), np.float32)
    assert np.array_equal(plain(network)(images), network(images))
