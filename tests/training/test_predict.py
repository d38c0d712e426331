"""Predicting: every row once, each by all its views, however the batches fall."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest

from harness.data.fold import Fold
from harness.recipes.network import Network
from harness.training import predict as predicting
from harness.training.predict import predict
from harness.tta.views import VIEWS, View, views
from harness.tta.worth import ViewPredictions
from tests.training.folds import TINY, drawn_fold

pytestmark = pytest.mark.model

RECIPE = Network(**TINY, size=(16, 16), crop=(14, 15), pad=1, rotation=20, zoom=0.2, epochs=1, learning_rate=0.1)
ALL = "crops+random"


@pytest.fixture
def fold(tmp_path: Path) -> Fold:
    return drawn_fold(tmp_path)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    from harness.models import keras_backend

    keras_backend.start(seed=0)
    fold = drawn_fold(tmp_path_factory.mktemp("network"))
    return RECIPE.assemble(3, RECIPE.cache(fold), fold.train)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    """Of 4 images in crops: 50 rows make 13 batches, the last one partial."""
    monkeypatch.setattr(predicting, "AT_ONCE", {"cpu": 1, "gpu": 1})
    monkeypatch.setattr(predicting, "LEAST", 20)


def asked(network, fold: Fold, names: str) -> np.ndarray:
    """What the network gives for each view made by numpy: (views, rows, classes)."""
    images = RECIPE.cache(fold).images[fold.predicted()]
    looks = [view for view in views(names, hflip_safe=True) if isinstance(view, View)]
    return np.stack([network.predict(view.of(images, 14, 15, 1), verbose=0) for view in looks])


@pytest.mark.parametrize("names", ["centre", "ten_crop", "scales+shifts"])
def test_each_row_gets_the_mean_of_its_own_views(network, fold: Fold, names):
    recipe, fold = dataclasses.replace(RECIPE, tta=names), dataclasses.replace(fold, hflip_safe=True)
    found = predict(recipe, fold, network)
    assert found.shape == (50, 3) and found.dtype == np.float32
    np.testing.assert_allclose(found, asked(network, fold, names).mean(axis=0), atol=1e-5)
    assert len(np.unique(found.round(5), axis=0)) > 40  # or any order of rows would do


def test_logits_are_averaged_where_they_are_asked_for(network, fold: Fold):
    recipe = dataclasses.replace(RECIPE, tta="crops", average="logits")
    logits = np.log(asked(network, fold, "crops")).mean(axis=0)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(predict(recipe, fold, network), expected, atol=1e-5)
    assert ViewPredictions.read(fold.folder / "views.npz").average == "logits"


def test_plain_among_the_views_is_plain_alone_on_the_very_same_rows(network, fold: Fold, monkeypatch):
    monkeypatch.setattr(predicting, "LEAST", 200)
    plain = predict(RECIPE, fold, network)
    assert not (fold.folder / "views.npz").exists()
    found = predict(dataclasses.replace(RECIPE, tta=ALL), fold, network)
    kept = ViewPredictions.read(fold.folder / "views.npz")
    assert kept.name == ALL and kept.views == tuple(view.name for view in views(ALL, hflip_safe=False))
    assert kept.rows.tolist() == fold.validation.tolist()
    assert kept.probabilities.shape == (1, 5 + 8, 21, 3)
    np.testing.assert_allclose(kept.probabilities[0, kept.views.index("centre")], plain[:21], atol=1e-5)
    np.testing.assert_allclose(kept.probabilities[0].mean(axis=0), found[:21], atol=1e-5)


def test_random_views_are_the_same_whatever_the_batch_and_other_than_the_centre():
    from harness.training.tta_model import Views

    images = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3)).astype(np.uint8)
    layer = Views(RECIPE, VIEWS["random"][:4])
    found = np.asarray(layer(images)).reshape(4, 5, 14, 15, 3)
    assert np.array_equal(np.asarray(layer(images)).reshape(found.shape), found)
    assert np.array_equal(np.asarray(layer(images[3:])).reshape(4, 2, 14, 15, 3), found[:, 3:])
    differences = [np.abs(one - other).mean() for one, other in itertools.combinations(found, 2)]
    assert min(differences) > 10


def test_a_random_view_is_drawn_once_for_all_images():
    from harness.training.tta_model import Views

    recipe = Network(**TINY, size=(6, 6), flip=True, epochs=1, learning_rate=0.1)
    images = np.random.default_rng(0).integers(0, 256, (5, 6, 6, 3)).astype(np.uint8)
    found = np.asarray(Views(recipe, VIEWS["random"])(images)).reshape(9, 5, 6, 6, 3)
    mirrored = [np.array_equal(view, images[:, :, ::-1]) for view in found]
    assert all(same or np.array_equal(view, images) for view, same in zip(found, mirrored, strict=True))
    assert not mirrored[0] and 0 < sum(mirrored) < 8


def test_all_batches_are_of_one_size_and_halved_where_memory_runs_out(network, fold: Fold, monkeypatch, capsys):
    import keras

    really, sizes = keras.Model.predict_on_batch, []

    def hungry(self, images):
        sizes.append(len(images))
        if len(images) > 2:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 123 bytes.")
        return really(self, images)

    recipe = dataclasses.replace(RECIPE, tta="crops")
    expected = predict(recipe, fold, network)
    monkeypatch.setattr(keras.Model, "predict_on_batch", hungry)
    np.testing.assert_allclose(predict(recipe, fold, network), expected, atol=1e-6)
    assert sizes[0] == 4 and set(sizes[1:]) == {2}
    assert "out of memory; continuing with batches of 2" in capsys.readouterr().err
