"""The engines: equal to Keras's own ``predict``, whatever comes in one batch."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from harness.models.backbones import BACKBONES, engine
from harness.models.inference import KerasEngine

openvino = pytest.importorskip("openvino")

from harness.models.backbones.openvino_engine import OpenVinoEngine  # noqa: E402
from harness.models.backbones.openvino_graph import UnsupportedError  # noqa: E402
from tests.models.backbones.conftest import difference, pixels_of  # noqa: E402

LAYERS = ("block2b_add", "top_activation")


@pytest.fixture(scope="module")
def expected(lite) -> tuple[np.ndarray, np.ndarray]:
    """Images, and what Keras makes of them."""
    images = pixels_of(5, lite.side)
    return images, lite.build(LAYERS).predict(images, verbose=0)


@pytest.mark.model
def test_lite_is_exact_and_the_same_in_any_batch(lite, expected) -> None:
    images, features = expected
    run = engine.engine(lite, LAYERS)
    assert run.name.startswith("OpenVINO") and run.name.endswith("f32")
    found = run(images)
    assert found.dtype == np.float32
    assert difference(found, features) < 1e-5
    np.testing.assert_array_equal(run(images[3:]), found[3:])
    np.testing.assert_array_equal(run(images[::-1]), found[::-1])
    assert run(images[:0]).shape == (0, 24 + 1280)


def test_reduced_precision_is_near_and_named(lite, expected) -> None:
    images, features = expected
    run = engine.engine(lite, LAYERS, precision="bfloat16")
    assert run.name.split()[-1] in ("bf16", "f32")  # an older processor knows no bfloat16
    assert difference(run(images), features) < 0.2


@pytest.mark.parametrize(
    "name",
    [
        "vgg16",
        pytest.param("resnet50", marks=pytest.mark.slow),
        pytest.param("convnext-tiny", marks=pytest.mark.slow),
        pytest.param("efficientnetv2-b0", marks=pytest.mark.slow),
        pytest.param("efficientnetv2-s", marks=pytest.mark.slow),
    ],
)
def test_every_layer_has_a_rule(name: str, pixels) -> None:
    """With random weights, none of them left at 0 or 1, on small images.

    Only a little off 0 and 1: far from them a deep network that nobody trained is chaotic, and rounding decides.
    """
    import keras

    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    model = dataclasses.replace(BACKBONES[name], side=64).build(weights=False)
    for weight in model.weights:
        if "kernel" not in weight.path:
            weight.assign_add(random.uniform(0, 0.05, weight.shape).astype(np.float32))
    images = pixels(2, 64)
    assert difference(OpenVinoEngine(model)(images), model.predict(images, verbose=0)) < 1e-4


@pytest.mark.model
def test_keras_engine_does_not_depend_on_its_batch(pixels) -> None:
    import keras

    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, activation="relu")(keras.layers.Rescaling(1 / 255)(inputs))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))
    images = pixels(7, 8)
    expected = model.predict(images.astype(np.float32), verbose=0)
    found = KerasEngine(model, "CPU", batch_size=3)
    np.testing.assert_allclose(found(images), expected, rtol=1e-5)
    found.batch_size = 16
    np.testing.assert_allclose(found(images), expected, rtol=1e-5)
    assert found(images[:0]).shape == (0, 4)


def test_a_layer_without_a_rule_is_left_to_keras(lite, pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.Flatten()(keras.layers.UpSampling2D()(inputs)))
    with pytest.raises(UnsupportedError, match="is a UpSampling2D"):
        OpenVinoEngine(model)
    monkeypatch.setattr(type(lite), "build", lambda *_: model)
    found = engine.engine(lite)
    assert found.name.startswith("Keras")
    assert found(pixels(2, 8)).shape == (2, 768)
