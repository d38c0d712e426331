"""The sheet of one image as a recipe augments it, by command."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.conftest import draw

pytestmark = pytest.mark.model

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


def read(path: Path) -> np.ndarray:
    found = cv2.imread(str(path))
    assert found is not None
    return found


def test_a_sheet_of_any_image_needs_no_data(insects, harness, photo: Path):
    found = harness("augment-demo", photo, "insects")
    assert found.code == 0 and "photo-augmented.png" in found.out, found.err
    assert read(insects.root / "photo-augmented.png").shape == (4 * 100 + 4, 4 * 100 + 4, 3)
    changed = harness("augment-demo", photo, "insects", "moved", "--set", "size=32,32", "-o", "shown/other.png")
    assert changed.code == 0 and read(insects.root / "shown" / "other.png").size


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
        (("photo.jpg",), "the default, minivggnet_augmented of flowers17, is not in"),
        (("photo.jpg", "insects", "-o", "sheet.jpg"), "the sheet is a PNG"),
    ],
)
def test_what_cannot_be_shown_is_told_in_words(insects, harness, photo: Path, arguments, told: str):
    (insects.root / "notes.txt").write_text("no picture")
    found = harness("augment-demo", *arguments)
    assert found.code == 2 and told in found.err and "fix: " in found.err, found.err
    assert not list(insects.root.glob("*.png"))
