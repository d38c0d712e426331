"""The sheet of augmented images: what the layers of training make of them, and training none the wiser."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from harness.models import keras_backend
from harness.recipes.network import Network
from harness.training import augmentation_preview as made
from harness.training import image_grid
from tests.conftest import draw
from tests.training.folds import drawn_fold

pytestmark = pytest.mark.model

PLAIN = Network(network="minivggnet", size=(16, 16), epochs=1, batch_size=32, learning_rate=1e-3)
MOVED = dataclasses.replace(PLAIN, pad=1, rotation=20, flip=True, cutout=4)


def picture(path: Path) -> np.ndarray:
    found = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    assert found is not None
    return found


def test_views_are_what_the_layers_make_of_each_image_and_the_seed_decides():
    keras_backend.start(seed=0)
    images = np.stack([draw(label, 0, 16, 16) for label in range(3)])
    mean = np.array([0.0, 0.0, 0.0])
    found = made.views(MOVED, images, mean, 6, seed=1)
    assert found is not None and found.shape == (3, 6, 16, 16, 3) and found.dtype == np.uint8
    for image, views in zip(images, found, strict=True):
        assert np.array_equal(views[0], image)
        assert len({view.tobytes() for view in views}) == 6
        assert all((view == 0).all(axis=2).sum() >= 16 for view in views[1:]), "each has a square cut out"
    assert np.array_equal(found, made.views(MOVED, images, mean, 6, seed=1))
    assert not np.array_equal(found, made.views(MOVED, images, mean, 6, seed=2))


def test_patches_are_shown_beside_the_centre_at_their_own_size():
    keras_backend.start(seed=0)
    image = draw(1, 0, 16, 16)
    found = made.views(dataclasses.replace(PLAIN, crop=(10, 12)), image[None], image.mean(axis=(0, 1)), 5, seed=1)
    assert found is not None and found.shape == (1, 5, 10, 12, 3)
    assert np.array_equal(found[0, 0], image[3:13, 2:14])
    crops = [image[y : y + 10, x : x + 12] for y in range(7) for x in range(5)]
    assert all(any(np.array_equal(view, crop) for crop in crops) for view in found[0])


def test_a_recipe_that_only_mixes_has_no_views():
    image = draw(1, 0, 16, 16)
    assert made.views(dataclasses.replace(PLAIN, mixup=0.2), image[None], np.zeros(3), 5, seed=1) is None


def test_pictures_are_laid_out_in_rows_and_originals_framed(tmp_path: Path):
    pictures = np.arange(2 * 3 * 48 * 32 * 3, dtype=np.uint64).reshape(2, 3, 48, 32, 3).astype(np.uint8)
    image_grid.draw(pictures, tmp_path / "sheet.png", columns=3)
    found = picture(tmp_path / "sheet.png")
    assert found.shape == (2 * 100 + 4, 3 * 68 + 4, 3), "48x32, twice as large, with gaps of 4"
    assert np.array_equal(found[4:100:2, 4:68:2], pictures[0, 0])
    assert np.array_equal(found[105:200:2, 73:136:2], pictures[1, 1])
    assert found[0, 0].tolist() == found[203, 0].tolist() == list(image_grid.ORIGINAL)
    assert found[0, 200].tolist() == list(image_grid.GROUND)


@pytest.mark.slow
def test_training_leaves_the_sheet_and_is_the_same_without_it(tmp_path: Path, monkeypatch):
    fold = drawn_fold(tmp_path)
    expected = MOVED.fit(fold)
    shown = picture(fold.folder / "augmented.png")
    assert shown.shape == (4 * 100 + 4, 8 * 100 + 4, 3)
    original = shown[4:100:6, 4:100:6]
    assert np.array_equal(original, MOVED.cache(fold).images[fold.train[0]])

    elsewhere = dataclasses.replace(fold, folder=tmp_path / "without")
    monkeypatch.setattr(made, "views", lambda *_: None)
    assert np.array_equal(MOVED.fit(elsewhere), expected)
    assert not (elsewhere.folder / "augmented.png").exists()


def test_a_sheet_is_made_once(tmp_path: Path, monkeypatch):
    fold = drawn_fold(tmp_path)
    made.keep(MOVED, fold)
    monkeypatch.setattr(made, "views", lambda *_: pytest.fail("it is there"))
    made.keep(MOVED, fold)
