"""Recipes refuse settings that make no sense, by name, before any work begins."""

from __future__ import annotations

import dataclasses

import pytest

from harness.errors import UserError
from harness.recipes import LogisticRegression, Network
from tests.conftest import declared

NETWORK = Network(network="minivggnet", size=(16, 16), epochs=3, learning_rate=0.1, pad=1)
PIXELS = LogisticRegression(size=(8, 8))


@pytest.mark.parametrize(
    ("recipe", "change"),
    [
        (NETWORK, {"network": "resnet5"}),
        (NETWORK, {"epochs": 0}),
        (NETWORK, {"batch": 0}),
        (NETWORK, {"patience": 0}),
        (NETWORK, {"learning_rate": 0.0}),
        (NETWORK, {"pad": -1}),
        (NETWORK, {"rotation": 200.0}),
        (NETWORK, {"zoom": 1.0}),
        (NETWORK, {"views": "eleven_crop"}),
        (NETWORK, {"views": "crops", "pad": 0}),
        (NETWORK, {"views": "scales+crops", "pad": 0}),
        (NETWORK, {"views": "mirror+random", "pad": 0}),
        (NETWORK, {"views": "scales+shift"}),
        (NETWORK, {"folds": 0}),
        (NETWORK, {"size": (0, 16)}),
        (PIXELS, {"limit": 0}),
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
    letters = declared(mirror=False)
    for change in ({"flip": True}, {"views": "mirror"}, {"views": "shifts+ten_crop"}):
        recipe = dataclasses.replace(NETWORK, **change)
        recipe.check(declared())
        with pytest.raises(UserError, match="another thing"):
            recipe.check(letters)


def test_a_smoke_run_is_small_and_differs_from_the_real_one():
    small = dataclasses.replace(NETWORK, views="ten_crop", size=(64, 48)).smoke()
    assert (small.folds, small.epochs, small.views, small.network) == (1, 1, "centre", "minivggnet")
    assert small.size == (32, 32) and NETWORK.smoke().size == (16, 16)
    assert small.limit is not None and small.limit <= 2000
    assert PIXELS.smoke() != PIXELS
