"""Augmentation layers: what they do in training, and that they do nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from harness.models import keras_backend
from harness.recipes.network import Network

pytestmark = pytest.mark.model

MEAN = np.array([100.0, 110.0, 120.0])


@pytest.fixture(autouse=True)
def seeded():
    keras_backend.start(seed=1)


def pictures(count: int = 40, height: int = 9, width: int = 12) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3)).astype(np.uint8)


def layers_for(height: int = 9, width: int = 12, **settings) -> list:
    from harness.training.augmentation import augmentation

    recipe = Network(network="minivggnet", size=(height, width), epochs=1, learning_rate=0.1, **settings)
    return augmentation(recipe, MEAN, seed=1)


@pytest.mark.parametrize(("edges", "mode"), [("repeat", "edge"), ("reflect", "reflect")])
def test_a_random_patch_is_a_crop_of_the_image_with_its_edges_repeated_or_reflected(edges, mode):
    images, pad = pictures(), 2
    (patch,) = layers_for(pad=pad, edges=edges)
    found = np.asarray(patch(images, training=True))
    padded = np.pad(images, ((0, 0), (pad, pad), (pad, pad), (0, 0)), mode=mode)
    places = set()
    for image, made in zip(padded, found, strict=True):
        crops = {(y, x): image[y : y + 9, x : x + 12] for y in range(5) for x in range(5)}
        hits = [place for place, crop in crops.items() if np.array_equal(crop, made)]
        assert hits
        places.update(hits)
    # Each image is shifted its own way, and both directions come up.
    assert {y for y, _ in places} == set(range(5)) and {x for _, x in places} == set(range(5))


def test_a_patch_smaller_than_the_image_is_taken_at_random_and_from_the_centre_when_predicting():
    images = pictures()
    (patch,) = layers_for(crop=(6, 7))
    found = np.asarray(patch(images, training=True))
    assert found.shape == (40, 6, 7, 3)
    for image, made in zip(images, found, strict=True):
        assert any(np.array_equal(image[y : y + 6, x : x + 7], made) for y in range(4) for x in range(6))
    assert np.array_equal(np.asarray(patch(images, training=False)), images[:, 1:7, 2:9])


def test_a_patch_larger_than_the_image_has_its_edges_when_predicting_too():
    images = pictures()
    (patch,) = layers_for(pad=2, crop=(11, 14))
    found = np.asarray(patch(images, training=False))
    assert np.array_equal(found, np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge"))


def test_augmentation_does_nothing_when_predicting():
    images = pictures()
    layers = layers_for(pad=2, flip=True, rotation=20, zoom=0.2, shear=0.1, shift=0.1, cutout=4)
    assert len(layers) == 4
    for layer in layers:
        assert np.array_equal(np.asarray(layer(images, training=False)), images)


def test_what_is_off_is_not_there():
    assert layers_for() == []
    assert len(layers_for(pad=1, zoom=0.1)) == 2


def test_a_flip_mirrors_left_and_right_only():
    images = pictures()
    (flip,) = layers_for(flip=True)
    found = np.asarray(flip(images, training=True))
    same = [np.array_equal(a, b) for a, b in zip(found, images, strict=True)]
    mirrored = [np.array_equal(a, b[:, ::-1]) for a, b in zip(found, images, strict=True)]
    assert all(a != b for a, b in zip(same, mirrored, strict=True)) and any(same) and any(mirrored)


def test_flips_are_those_of_keras_for_the_same_seed():
    import keras

    images = pictures()
    (flip,) = layers_for(flip=True)
    theirs = keras.layers.RandomFlip("horizontal", seed=1)
    for _ in range(2):  # batch after batch
        assert np.array_equal(np.asarray(flip(images, training=True)), np.asarray(theirs(images, training=True)))


def moved(**settings) -> np.ndarray:
    """What is made of a picture of one bright square of 4×4 on a black ground of 41×41, two hundred times."""
    picture = np.zeros((200, 41, 41, 3), np.uint8)
    picture[:, 12:16, 26:30] = 255  # to the right of and above the middle (20, 20)
    (layer,) = layers_for(41, 41, **settings)
    return np.asarray(layer(picture, training=True))[..., 0]


def centres(images: np.ndarray) -> np.ndarray:
    """Where the light lies in each image, from the middle: (n, 2), down and across."""
    places, light = np.arange(41) - 20, images.sum(axis=(1, 2))
    return np.stack([images.sum(axis=2) @ places / light, images.sum(axis=1) @ places / light], axis=1)


def test_a_rotation_keeps_the_distance_from_the_middle_and_turns_as_far_as_it_says():
    found = centres(moved(rotation=30.0))
    assert np.allclose(np.hypot(*found.T), np.hypot(-6.5, 7.5), atol=0.15)
    turned = np.degrees(np.arctan2(found[:, 0], found[:, 1]) - np.arctan2(-6.5, 7.5))
    assert -30.5 < turned.min() < -25 and 25 < turned.max() < 30.5


def test_a_shift_moves_as_far_as_it_says_in_both_directions():
    found = centres(moved(shift=0.1)) - [-6.5, 7.5]
    assert (abs(found) < 4.15).all() and (found.min(axis=0) < -3.5).all() and (found.max(axis=0) > 3.5).all()


def test_a_zoom_scales_height_and_width_each_by_itself():
    found = moved(zoom=0.25)
    light = found.sum(axis=(1, 2)) / (16 * 255)  # the area: between 1/1.25² and 1/.75² of what it was
    assert 0.6 < light.min() < 0.8 and 1.35 < light.max() < 1.85
    down, across = (centres(found) / [-6.5, 7.5]).T
    assert abs(np.corrcoef(down, across)[0, 1]) < 0.3


def test_a_shear_moves_rows_sideways_by_their_distance_from_the_middle():
    found = centres(moved(shear=0.2)) - [-6.5, 7.5]
    assert np.allclose(found[:, 0], 0, atol=0.1)
    assert (abs(found[:, 1]) < 0.2 * 6.5 + 0.1).all() and found[:, 1].min() < -1 and found[:, 1].max() > 1


def test_what_moves_in_is_the_nearest_pixel_of_the_edge():
    images = np.broadcast_to(np.arange(12, dtype=np.uint8)[None, None, :, None] * 10 + 50, (60, 9, 12, 3))
    (layer,) = layers_for(shift=0.25)
    found = np.asarray(layer(images, training=True))
    assert found.min() >= 50 - 1e-3 and found.max() <= 160 + 1e-3
    assert (found[:, :, 0] > 75).any() and np.isclose(found[:, :, :2], 50).all(axis=(1, 2, 3)).any()


def test_cutout_blanks_one_square_of_its_size_with_the_mean_brightness():
    images = np.full((50, 20, 20, 3), 7, np.uint8)
    (layer,) = layers_for(20, 20, cutout=8)
    found = np.asarray(layer(images, training=True))
    gone = np.isclose(found, MEAN.mean()).all(axis=-1)
    assert (gone | np.isclose(found, 7).all(axis=-1)).all()
    assert (abs(gone.sum(axis=(1, 2)) - 64) <= 17).all() and len({one.tobytes() for one in gone}) > 25
