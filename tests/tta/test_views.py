"""Views: exactly the windows they name, the same on a device as in numpy, and legal ones only."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.recipes import Network
from harness.tta.views import CENTRE, VIEWS, Drawn, View, _weights, views
from harness.utils.errors import UserError

SEEN = [view for view in views("ten_crop+scales+shifts", hflip_safe=True) if isinstance(view, View)]
SHAPES = (st.integers(1, 40), st.integers(1, 40), st.integers(0, 5), st.integers(0, 5), st.integers(0, 3))


def pictures(height: int, width: int) -> np.ndarray:
    return np.arange(2 * height * width * 3).reshape(2, height, width, 3)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 5), st.integers(0, 5), st.integers(0, 3))
def test_ten_crop_is_four_corners_the_centre_and_their_mirror_images(height, width, taller, wider, pad):
    images = pictures(height + taller, width + wider)
    padded = np.pad(images, ((0, 0), (pad, pad), (pad, pad), (0, 0)), mode="edge")
    tall, wide = taller + 2 * pad, wider + 2 * pad
    corners = [(0, 0), (0, wide), (tall, 0), (tall, wide), (tall // 2, wide // 2)]
    expected = [padded[:, y : y + height, x : x + width] for y, x in corners]
    expected += [crop[:, :, ::-1] for crop in expected]
    found = [view.of(images, height, width, pad) for view in VIEWS["ten_crop"]]
    assert len(found) == 10
    for one, other in zip(found, expected, strict=True):
        assert one.shape == (2, height, width, 3)
        assert np.array_equal(one, other)


def test_five_crops_are_ten_without_their_mirror_images():
    assert VIEWS["crops"] == VIEWS["ten_crop"][:5]
    assert not any(view.mirrored for view in VIEWS["crops"])


def test_the_centre_of_an_image_of_the_right_size_is_the_image():
    images = pictures(5, 7)
    assert np.array_equal(CENTRE.of(images, 5, 7), images)
    assert np.array_equal(View(mirrored=True).of(images, 5, 7), images[:, :, ::-1])


@given(*SHAPES, st.sampled_from([(-1, 0), (1, 0), (0, -1), (0, 1)]))
def test_a_shift_moves_the_centre_by_a_32nd_or_a_pixel_and_repeats_the_edges(height, width, taller, wider, pad, moved):
    images = pictures(height + taller, width + wider)
    padded = np.pad(images, ((0, 0), (pad + 2, pad + 2), (pad + 2, pad + 2), (0, 0)), mode="edge")
    top = 2 + (taller + 2 * pad) // 2 + moved[0] * max(1, round(height / 32))
    left = 2 + (wider + 2 * pad) // 2 + moved[1] * max(1, round(width / 32))
    expected = padded[:, top : top + height, left : left + width]
    assert np.array_equal(View(moved=moved).of(images, height, width, pad), expected)


@pytest.mark.parametrize(("scale", "window"), [(7 / 8, 28), (9 / 8, 36)])
def test_a_scale_resamples_a_window_about_the_centre(scale, window):
    ramp = np.broadcast_to(np.arange(40.0, dtype=np.float32)[None, None, :, None], (2, 40, 40, 3))
    found = View(scale=scale).of(ramp, 32, 32)
    middles = (np.arange(32) + 0.5) * window / 32 - 0.5 + (40 - window) / 2
    assert found.shape == (2, 32, 32, 3)
    assert np.allclose(found[0, 5, 1:-1, 0], middles[1:-1], atol=1e-4 if scale < 1 else 0.1)  # shrinking smooths too
    assert np.allclose(found, found[:1, :1], atol=1e-4)


@given(*SHAPES, st.sampled_from(SEEN))
def test_a_view_of_one_colour_is_of_that_colour(height, width, taller, wider, pad, view):
    images = np.full((1, height + taller, width + wider, 3), 200, np.uint8)
    found = view.of(images, height, width, pad)
    assert found.shape == (1, height, width, 3) and np.allclose(found, 200, atol=1e-3)


@pytest.mark.model
@settings(deadline=None, max_examples=20)
@given(*SHAPES, st.sampled_from(SEEN))
def test_views_on_a_device_are_those_of_numpy_and_unless_resampled_to_the_bit(height, width, taller, wider, pad, view):
    from keras import ops

    images = np.random.default_rng(0).integers(0, 256, (2, height + taller, width + wider, 3)).astype(np.uint8)
    expected = view.of(images, height, width, pad)
    found = ops.convert_to_numpy(view.of(ops.convert_to_tensor(images), height, width, pad, ops))
    assert found.dtype == expected.dtype == (np.uint8 if view.scale == 1 else np.float32)
    assert np.allclose(found, expected, rtol=0, atol=0 if view.scale == 1 else 1e-3)


@pytest.mark.parametrize("name", VIEWS)
def test_mirrored_views_are_refused_where_a_mirrored_image_is_another_thing(name):
    assert views(name, hflip_safe=True) == VIEWS[name]
    if any(view.mirrored for view in VIEWS[name]):
        with pytest.raises(UserError, match="another class"):
            views(name, hflip_safe=False)
    else:
        assert views(name, hflip_safe=False) == VIEWS[name]


def test_several_sets_are_joined_and_no_view_is_asked_twice():
    found = views("ten_crop+scales+hflip", hflip_safe=True)
    assert found == (*VIEWS["ten_crop"], *VIEWS["scales"][1:])
    with pytest.raises(UserError, match="another class"):
        views("scales+hflip", hflip_safe=False)
    assert views("scales+shifts", hflip_safe=False)[0] == CENTRE


def test_what_is_suggested_instead_of_mirrored_views_is_taken():
    recipe = Network(network="minivggnet", size=(32, 32), epochs=1, learning_rate=0.1, tta="hflip")
    with pytest.raises(UserError, match="another class") as refused:
        recipe.check_training(8, hflip_safe=False)
    assert refused.value.fix is not None
    name, _, value = refused.value.fix.removeprefix("--set ").partition("=")
    dataclasses.replace(recipe, **{name: value}).check_training(8, hflip_safe=False)


def test_flips_that_nobody_draws_are_nothing_to_draw_from():
    recipe = Network(network="minivggnet", size=(32, 32), epochs=1, learning_rate=0.1, tta="random", flip="alternating")
    with pytest.raises(UserError, match="the recipe has none"):
        recipe.check_training(8, hflip_safe=True)
    for other in ({"pad": 2}, {"flip": True}):
        dataclasses.replace(recipe, **other).check_training(8, hflip_safe=True)


def test_random_views_are_refused_where_nothing_is_random():
    assert sum(isinstance(view, Drawn) for view in views("crops+random", hflip_safe=False)) == 8
    with pytest.raises(UserError, match="the recipe has none"):
        views("crops+random", hflip_safe=False, drawn=False)


@pytest.mark.parametrize(("name", "hint"), [("tencrop", "ten_crop"), ("hflip+shift", "shifts"), ("crops+", "Known")])
def test_misspelt_views_get_the_nearest_names(name, hint):
    with pytest.raises(UserError, match=hint) as refused:
        views(name, hflip_safe=True)
    assert f"tta={name!r}" in refused.value.what


@pytest.mark.parametrize("name", VIEWS)
def test_every_set_holds_the_centre_to_be_held_against(name):
    assert CENTRE in VIEWS[name]


def test_every_view_has_a_name_of_its_own():
    names = [view.name for view in views("+".join(VIEWS), hflip_safe=True)]
    assert len(set(names)) == len(names) == 10 + 2 + 4 + 4 + 8
    assert {"top left", "centre", "top left, mirrored", "centre, scale 0.875", "centre, moved up", "random 1"} < {
        *names
    }


def test_the_diagonal_set_is_the_weighted_one_of_its_source():
    weights = {view.name: view.weight for view in VIEWS["diagonal"]}
    assert weights == {
        "centre": 1, "centre, mirrored": 1,
        "centre, moved up and left": 0.5, "centre, moved up and left, mirrored": 0.5,
        "centre, moved down and right": 0.5, "centre, moved down and right, mirrored": 0.5,
    }  # fmt: skip


def test_shrinking_looks_at_all_pixels_alike():
    shares = _weights(36, 32).sum(axis=0)
    assert np.allclose(shares[2:-2], 32 / 36, atol=0.04)
