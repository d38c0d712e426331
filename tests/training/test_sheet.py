"""The sheet of augmented images: what the layers of training make of them, and training none the wiser."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from harness import backend
from harness.recipes.network import Network
from harness.report import sheet
from harness.training import sheet as made
from tests.conftest import draw
from tests.training.folds import drawn_fold

pytestmark = pytest.mark.model

PLAIN = Network(network="minivggnet", size=(16, 16), epochs=1, batch=32, learning_rate=1e-3)
MOVED = dataclasses.replace(PLAIN, pad=1, rotation=20, flip=True, cutout=4)


def picture(path: Path) -> np.ndarray:
    found = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    assert found is not None
    return found


def test_views_are_what_the_layers_make_of_each_image_and_the_seed_decides():
    backend.start(seed=0)
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
    backend.start(seed=0)
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
    sheet.draw(pictures, tmp_path / "sheet.png", columns=3)
    found = picture(tmp_path / "sheet.png")
    assert found.shape == (2 * 100 + 4, 3 * 68 + 4, 3), "48x32, twice as large, with gaps of 4"
    assert np.array_equal(found[4:100:2, 4:68:2], pictures[0, 0])
    assert np.array_equal(found[105:200:2, 73:136:2], pictures[1, 1])
    assert found[0, 0].tolist() == found[203, 0].tolist() == list(sheet.ORIGINAL)
    assert found[0, 200].tolist() == list(sheet.GROUND)


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
    cache = MOVED.cache(fold)
    made.keep(MOVED, fold, cache, fold.train)
    monkeypatch.setattr(made, "views", lambda *_: pytest.fail("it is there"))
    made.keep(MOVED, fold, cache, fold.train)


# The command.

DECLARED = '''
from harness.recipes import LogisticRegression, Network, recipe


@recipe
def moved():
    """Turned."""
    return Network(network="minivggnet", size=(16, 16), rotation=30, epochs=1, learning_rate=0.01)


@recipe
def plain():
    """As it is."""
    return Network(network="minivggnet", size=(16, 16), epochs=1, learning_rate=0.01)


@recipe
def pixels():
    """On 6x6 pixels."""
    return LogisticRegression(size=(6, 6))


default = moved
'''


@pytest.fixture
def photo(insects, save) -> Path:
    (insects.competition("insects") / "recipes.py").write_text(DECLARED)
    return save(insects.root / "photo.jpg", draw(1, 0, 60, 80))


def test_a_sheet_of_any_image_needs_no_data(insects, harness, photo: Path):
    found = harness("augment-demo", photo, "insects")
    assert found.code == 0 and "photo-augmented.png" in found.out, found.err
    assert picture(insects.root / "photo-augmented.png").shape == (4 * 100 + 4, 4 * 100 + 4, 3)
    changed = harness("augment-demo", photo, "insects", "moved", "--set", "size=32,32", "-o", "shown/other.png")
    assert changed.code == 0 and picture(insects.root / "shown" / "other.png").size


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nothing.jpg", "insects"), "nothing.jpg cannot be shown: there is no such file"),
        (("competitions", "insects"), "competitions cannot be shown: there is no such file"),
        (("notes.txt", "insects"), "notes.txt cannot be shown: it is not an image"),
        (("photo.jpg", "insects", "pixels"), "pixels is a LogisticRegression, which augments nothing"),
        (("photo.jpg", "insects", "plain"), "plain trains on images as they are"),
        (("photo.jpg", "insects", "moved", "--set", "crop=20,20"), "crop must be at most"),
        (("photo.jpg", "insects", "nobody"), "has no recipe 'nobody'"),
        (("photo.jpg",), "no competition 'flowers17'"),
        (("photo.jpg", "insects", "-o", "sheet.jpg"), "the sheet is a PNG"),
    ],
)
def test_what_cannot_be_shown_is_told_in_words(insects, harness, photo: Path, arguments, told: str):
    (insects.root / "notes.txt").write_text("no picture")
    found = harness("augment-demo", *arguments)
    assert found.code == 2 and told in found.err and "mend: " in found.err, found.err
    assert not list(insects.root.glob("*.png"))
