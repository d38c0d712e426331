"""Copies, exact and near, never straddle the hold-out or a fold."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from harness.data.near_duplicates import Perceived, merge
from harness.pipeline.graph import Pipeline
from harness.plugins import loading
from harness.plugins.scaffold import create
from harness.utils.workspace import Workspace
from tests.conftest import CHECKOUT


def photograph(number: int) -> np.ndarray:
    """A part of a real photograph, each number another one: (96, 96, 3) uint8 BGR."""
    from sklearn.datasets import load_sample_images

    source = load_sample_images().images[number % 2]
    top, left = 40 * (number // 2 % 6), 50 * (number // 12)
    return cv2.resize(source[top : top + 190, left : left + 190], (96, 96), interpolation=cv2.INTER_AREA)[..., ::-1]


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    """Thirty photographs of two classes, the first ten of which come again, smaller and more compressed."""
    for number in range(30):
        for name, image, quality in (
            ("first", photograph(number), 95),
            ("again", cv2.resize(photograph(number), (80, 80), interpolation=cv2.INTER_AREA), 70),
        ):
            if name == "first" or number < 10:
                path = tmp_path / "photos" / ("ants", "bees")[number % 2] / f"{number}-{name}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return tmp_path / "photos"


def separated(workspace: Workspace, photos: Path, group: str) -> int:
    """How many of the ten pairs the hold-out or a fold separates."""
    create(workspace, f"insects-{group}", photos)
    competition = dataclasses.replace(loading.load(workspace, f"insects-{group}"), group=group)
    pipeline = Pipeline(workspace, competition)
    pipeline.make_folds()
    dataset = pipeline.artifacts.dataset
    place = dict(zip(dataset.ids, dataset.splits.tolist(), strict=True))
    place |= dict(zip(pipeline.artifacts.folds.ids, pipeline.artifacts.folds.assignment[:, 0].tolist(), strict=True))
    pairs = [(name, name.replace("again", "first")) for name in dataset.ids if "again" in name]
    assert len(pairs) == 10
    return sum(place[again] != place[first] for again, first in pairs)


def test_near_copies_stay_together_where_the_competition_says_so(workspace: Workspace, copies: Path) -> None:
    assert separated(workspace, copies, "near") == 0
    assert separated(workspace, copies, "exact") > 0


def test_merging_joins_what_is_alike_and_leaves_the_rest() -> None:
    random = np.random.default_rng(0)
    thumbnails = random.integers(0, 255, (3, 16, 16, 3)).astype(np.uint8)
    hashes = random.integers(0, 1 << 63, 3).astype(np.uint64)
    one, two, flat = (Perceived(hashes[i], thumbnails[i], i == 2) for i in range(3))
    # Rows 0 and 3 are copies; 2 looks like them; 1 is another picture; 4 cannot be read; 5 and 6 are flat.
    found = merge(np.array([0, 1, 2, 0, 3, 4, 5]), [one, two, one, one, None, flat, flat])
    assert found.tolist() == [found[0], found[1], found[0], found[0], found[4], found[5], found[6]]
    assert len(set(found.tolist())) == 5


def test_flowers_keep_near_copies_together() -> None:
    assert loading.load(Workspace(CHECKOUT), "flowers17").group == "near"
