"""Fixtures: a workspace of its own for each test, and real small images drawn on the spot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from harness.workspace import Workspace

CHECKOUT = Path(__file__).resolve().parent.parent


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty workspace."""
    (tmp_path / "workspace" / "competitions").mkdir(parents=True)
    return Workspace(tmp_path / "workspace")


def draw(label: int, number: int, height: int = 24, width: int = 24) -> np.ndarray:
    """A picture whose class shows: stripes whose direction and colour depend on the label, with noise by number."""
    random = np.random.default_rng((label, number))
    rows, columns = np.mgrid[:height, :width]
    angle = np.pi * label / 4
    wave = np.sin((rows * np.cos(angle) + columns * np.sin(angle)) * 0.9 + random.uniform(0, 6))
    colour = np.array([[220, 80, 60], [60, 200, 90], [70, 90, 220], [210, 200, 60]])[label % 4]
    picture = 110 + 60 * wave[..., None] * colour / 220 + random.normal(0, 12, (height, width, 3))
    return np.clip(picture, 0, 255).astype(np.uint8)


@pytest.fixture
def save() -> Callable[..., Path]:
    """Write an RGB or grey array as an image file; the suffix decides the format."""

    def write(path: Path, image: np.ndarray) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), image if image.ndim == 2 else image[..., ::-1])
        return path

    return write


@pytest.fixture
def class_folders(tmp_path: Path, save: Callable[..., Path]) -> Callable[..., Path]:
    """Make ``<class>/<number>.png`` with real small pictures; give the folder."""

    def make(classes: tuple[str, ...] = ("ants", "bees", "wasps"), each: int = 12, root: Path | None = None) -> Path:
        folder = root or tmp_path / "photos"
        for label, name in enumerate(classes):
            for number in range(each):
                save(folder / name / f"{number}.png", draw(label, number))
        return folder

    return make
