"""Views: exactly the crops they name, and legal ones only."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data.views import CENTRE, VIEWS, View, views
from harness.errors import UserError


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


@pytest.mark.parametrize("name", VIEWS)
def test_mirrored_views_are_refused_where_a_mirrored_image_is_another_thing(name):
    assert views(name, mirror=True) == VIEWS[name]
    if any(view.mirrored for view in VIEWS[name]):
        with pytest.raises(UserError, match="another thing"):
            views(name, mirror=False)
    else:
        assert views(name, mirror=False) == VIEWS[name]


def test_misspelt_views_get_the_nearest_names():
    with pytest.raises(UserError, match="ten_crop"):
        views("tencrop", mirror=True)


def test_every_view_has_a_name_of_its_own():
    names = [view.name for view in VIEWS["ten_crop"]]
    assert len(set(names)) == 10
    assert names[:2] == ["top left", "top right"] and names[4:6] == ["centre", "top left, mirrored"]
