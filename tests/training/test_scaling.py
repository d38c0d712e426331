"""How pixels are scaled before a network from scratch gets them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from harness.data.fold import Fold
from harness.recipes.network import Network
from harness.recipes.settings import override
from harness.training import scaling
from harness.training.scaling import SCALINGS
from harness.utils.errors import UserError
from tests.conftest import declared
from tests.training.folds import drawn_fold

RECIPE = Network(network="minivggnet", size=(16, 16), epochs=1, learning_rate=0.1)


@pytest.fixture
def fold(tmp_path: Path) -> Fold:
    return drawn_fold(tmp_path)


def test_every_scaling_a_recipe_may_name_is_made_of_the_training_rows_alone(fold: Fold, monkeypatch):
    monkeypatch.setattr(scaling, "ROWS", 40)  # 90 rows are read in three goes, the last one partial
    cache = RECIPE.cache(fold)
    pixels = cache.images[fold.train].astype(np.float64)
    colours = pixels.reshape(-1, 3)
    expected = {
        "standard": (pixels - colours.mean(axis=0)) / colours.std(axis=0),
        "unit": pixels / 255,
        "mean": pixels - colours.mean(axis=0),
        "mean_image": pixels - pixels.mean(axis=0),
    }
    for name, make in SCALINGS.items():
        offset, divisor = make(cache, np.random.default_rng(0).permutation(fold.train))
        np.testing.assert_allclose((pixels - offset) / divisor, expected[name], atol=1e-4, err_msg=name)
    assert SCALINGS.keys() == expected.keys()


def test_images_of_one_colour_are_not_divided_by_nothing(fold: Fold):
    class Flat:
        mean = staticmethod(lambda rows: np.full(3, 7.0))
        deviation = staticmethod(lambda rows: np.zeros(3))

    assert SCALINGS["standard"](Flat(), fold.train)[1].tolist() == [1, 1, 1]


@pytest.mark.model
@pytest.mark.parametrize("name", SCALINGS)
def test_the_network_is_given_scaled_pixels(fold: Fold, name: str):
    import keras

    from harness.models import keras_backend

    keras_backend.start(seed=0)
    cache = RECIPE.cache(fold)
    network = dataclasses.replace(RECIPE, scaling=name).assemble(3, cache, fold.train)
    (layer,) = [one for one in network.layers if isinstance(one, keras.layers.Normalization)]
    images = cache.images[fold.validation].astype(np.float32)
    offset, divisor = SCALINGS[name](cache, fold.train)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer(images)), (images - offset) / divisor, atol=1e-4)


def test_the_mean_image_is_of_whole_images():
    whole = dataclasses.replace(RECIPE, pad=2, scaling="mean_image")
    whole.check(declared())
    with pytest.raises(UserError, match="crop must be None where the mean image is taken away"):
        dataclasses.replace(whole, crop=(14, 14)).check(declared())


def test_an_unknown_scaling_is_refused():
    with pytest.raises(UserError, match="scaling") as refused:
        override({"net": RECIPE}, ["scaling=zero"])
    assert "mean_image" in refused.value.what + refused.value.fix
