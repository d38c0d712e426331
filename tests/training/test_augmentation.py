"""Augmentation layers: what they do in training, and that they do nothing else."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.model


@pytest.fixture(autouse=True)
def seeded():
    from harness import backend

    backend.start(seed=1)


def pictures(count: int = 40) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 9, 12, 3)).astype(np.uint8)


def test_a_random_patch_is_a_crop_of_the_image_with_its_edges_repeated():
    from harness.training.augmentation import RandomPatch

    images, pad = pictures(), 2
    found = np.asarray(RandomPatch(pad, seed=1)(images, training=True))
    padded = np.pad(images, ((0, 0), (pad, pad), (pad, pad), (0, 0)), mode="edge")
    places = set()
    for image, made in zip(padded, found, strict=True):
        crops = {(y, x): image[y : y + 9, x : x + 12] for y in range(5) for x in range(5)}
        hits = [place for place, crop in crops.items() if np.array_equal(crop, made)]
        assert hits
        places.update(hits)
    # Each image is shifted its own way, and both directions come up.
    assert {y for y, _ in places} == set(range(5)) and {x for _, x in places} == set(range(5))


def test_augmentation_does_nothing_when_predicting():
    from harness.training.augmentation import augmentation

    images = pictures()
    for layer in augmentation(pad=2, flip=True, rotation=20, zoom=0.2, seed=1):
        assert np.array_equal(np.asarray(layer(images, training=False)), images)


def test_what_is_off_is_not_there():
    from harness.training.augmentation import augmentation

    assert augmentation(pad=0, flip=False, rotation=0, zoom=0, seed=1) == []
    assert len(augmentation(pad=1, flip=False, rotation=0, zoom=0.1, seed=1)) == 2


def test_a_flip_mirrors_left_and_right_only():
    from harness.training.augmentation import augmentation

    images = pictures()
    (flip,) = augmentation(pad=0, flip=True, rotation=0, zoom=0, seed=1)
    found = np.asarray(flip(images, training=True))
    same = [np.array_equal(a, b) for a, b in zip(found, images, strict=True)]
    mirrored = [np.array_equal(a, b[:, ::-1]) for a, b in zip(found, images, strict=True)]
    assert all(a != b for a, b in zip(same, mirrored, strict=True)) and any(same) and any(mirrored)


@pytest.mark.parametrize(
    ("name", "first", "last"), [("linear", 1.0, 0.0), ("cosine", 0.1, 0.0), ("constant", 1.0, 1.0)]
)
def test_schedules_start_and_end_where_they_say(name, first, last):
    from harness.training.schedules import schedule

    rate = schedule(name, 1.0, 100)
    values = [float(rate(step)) if callable(rate) else rate for step in range(101)]
    assert np.isclose(values[0], first) and np.isclose(values[-1], last, atol=1e-6) and max(values) <= 1.0 + 1e-6
