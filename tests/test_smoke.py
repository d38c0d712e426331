"""Every declared recipe that trains a network really runs when it is shrunk, on drawn pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness import competition as competitions
from harness.backbones import find
from harness.backbones.packaged import EfficientNetLite
from harness.data.cache_build import open_or_build
from harness.recipes import FineTune
from harness.recipes.recipe import Fold
from harness.recipes.trained import Trained
from harness.workspace import Workspace
from tests.conftest import CHECKOUT, drawn

pytestmark = [pytest.mark.model, pytest.mark.slow]


def declared() -> dict[str, tuple[Trained, bool]]:
    """The recipes of all competitions that train a network, and whether a mirror image shows the same there."""
    found: dict[str, tuple[Trained, bool]] = {}
    for competition in competitions.load_all(Workspace(CHECKOUT)):
        assert isinstance(competition, competitions.Competition), competition
        for name, recipe in competitions.recipes(competition)[0].items():
            if isinstance(recipe, Trained):
                found[f"{competition.name} {name}"] = (recipe.smoke(), competition.mirror)
    return found


DECLARED = declared()


@pytest.mark.parametrize("name", DECLARED)
def test_a_shrunken_recipe_trains_and_predicts(tmp_path: Path, name: str):
    recipe, mirror = DECLARED[name]
    if isinstance(recipe, FineTune) and not isinstance(find(recipe.backbone), EfficientNetLite):
        pytest.skip(f"the weights of {recipe.backbone} would be downloaded")
    dataset, rows = drawn(72, classes=3), np.arange(72)
    cache = open_or_build(tmp_path / "cache.h5", recipe.images, dataset, 0)
    fold = Fold(
        title=name,
        train=rows[:48],
        validation=rows[48:60],
        holdout=rows[60:],
        test=rows[:0],
        labels=dataset.labels,
        classes=dataset.classes,
        caches={recipe.images: cache},
        mirror=mirror,
        seed=1,
        folder=tmp_path / "fold-1",
    )
    found = recipe.fit(fold)
    assert found.shape == (24, 3) and np.allclose(found.sum(axis=1), 1, atol=1e-4)
    assert (fold.folder / "training.json").is_file() and (fold.folder / "curves.png").is_file()
