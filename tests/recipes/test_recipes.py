"""Recipes refuse settings that make no sense, by name, before any work begins."""

from __future__ import annotations

import dataclasses

import pytest

from harness.recipes import LogisticRegression, Network
from harness.utils.errors import UserError
from tests.conftest import declared

NETWORK = Network(network="minivggnet", size=(16, 16), epochs=3, learning_rate=0.1, pad=1)
PIXELS = LogisticRegression(size=(8, 8))


@pytest.mark.parametrize(
    ("recipe", "change"),
    [
        (NETWORK, {"network": "resnet5"}),
        (NETWORK, {"epochs": 0}),
        (NETWORK, {"batch_size": 0}),
        (NETWORK, {"patience": 0}),
        (NETWORK, {"learning_rate": 0.0}),
        (NETWORK, {"pad": -1}),
        (NETWORK, {"rotation": 200.0}),
        (NETWORK, {"zoom": 1.0}),
        (NETWORK, {"tta": "eleven_crop"}),
        (NETWORK, {"tta": "crops", "pad": 0}),
        (NETWORK, {"tta": "scales+crops", "pad": 0}),
        (NETWORK, {"tta": "hflip+random", "pad": 0}),
        (NETWORK, {"tta": "scales+shift"}),
        (NETWORK, {"folds": 0}),
        (NETWORK, {"size": (0, 16)}),
        (PIXELS, {"max_samples": 0}),
        (PIXELS, {"c": 0.0}),
        (PIXELS, {"iterations": 0}),
    ],
)
def test_a_setting_out_of_range_is_named_with_what_it_got(recipe, change):
    recipe.check(declared())
    (name, value), *_ = change.items()
    with pytest.raises(UserError, match=name) as refused:
        dataclasses.replace(recipe, **change).check(declared())
    assert repr(value) in refused.value.what


def test_nothing_is_mirrored_where_a_mirrored_image_is_another_thing():
    letters = declared(hflip_safe=False)
    for change in ({"flip": True}, {"tta": "hflip"}, {"tta": "shifts+ten_crop"}):
        recipe = dataclasses.replace(NETWORK, **change)
        recipe.check(declared())
        with pytest.raises(UserError, match="mirror"):
            recipe.check(letters)


def test_a_smoke_run_is_small_and_differs_from_the_real_one():
    small = dataclasses.replace(NETWORK, tta="ten_crop", size=(64, 48)).smoke()
    assert (small.folds, small.epochs, small.tta, small.network) == (1, 1, "centre", "minivggnet")
    assert small.size == (32, 32) and NETWORK.smoke().size == (16, 16)
    assert small.max_samples is not None and small.max_samples <= 2000
    assert PIXELS.smoke() != PIXELS
