"""Training a network on one fold: it learns, the same way every time, and leaves its curves behind."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from harness.data.cache_build import open_or_build
from harness.data.image_cache import Images
from harness.data.images import Geometry
from harness.recipes.network import Network
from harness.recipes.recipe import Fold
from tests.conftest import drawn

pytestmark = pytest.mark.model

RECIPE = Network(
    network="minivggnet",
    size=(16, 16),
    pad=1,
    rotation=5,
    zoom=0.05,
    epochs=5,
    batch=16,
    optimizer="adam",
    learning_rate=2e-3,
    schedule="cosine",
    views="crops",
)


@pytest.fixture
def fold(tmp_path: Path) -> Fold:
    """Drawn pictures of three classes: 90 to train on, 21 to validate, 20 held out, 9 to predict."""
    dataset = drawn(140, classes=3)
    images = Images(Geometry(16, 16))
    cache = open_or_build(tmp_path / "cache.h5", images, dataset, 0)
    rows = np.arange(140)
    return Fold(
        title="minivggnet, fold 1 of 1",
        train=rows[:90],
        validation=rows[90:111],
        holdout=rows[111:131],
        test=rows[131:],
        labels=dataset.labels,
        classes=dataset.classes,
        caches={images: cache},
        mirror=False,
        seed=3,
        folder=tmp_path / "fold-1",
    )


def test_it_learns_what_the_pictures_show_and_leaves_its_curves(fold: Fold):
    found = RECIPE.fit(fold)
    rows = fold.predicted()
    assert found.shape == (50, 3) and found.dtype == np.float32
    assert np.allclose(found.sum(axis=1), 1, atol=1e-4)
    assert (found.argmax(axis=1) == fold.labels[rows]).mean() > 0.8
    history = json.loads((fold.folder / "history.json").read_text())
    assert {len(values) for values in history.values()} == {5}
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"}
    assert (fold.folder / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_seed_and_the_training_rows_alone_decide(fold: Fold):
    recipe = dataclasses.replace(RECIPE, epochs=1, views="centre")
    first = recipe.fit(fold)
    spoilt = fold.labels.copy()
    spoilt[np.concatenate([fold.holdout, fold.test])] = 0
    assert np.array_equal(first, recipe.fit(dataclasses.replace(fold, labels=spoilt)))
    assert not np.array_equal(first, recipe.fit(dataclasses.replace(fold, seed=4)))


def test_it_stops_when_the_validation_loss_no_longer_falls_and_keeps_the_best_epochs_weights(fold: Fold):
    # Labels that mean nothing can only be learnt by heart, which soon makes the validation loss rise.
    fold = dataclasses.replace(fold, labels=np.random.default_rng(0).permutation(fold.labels))
    recipe = dataclasses.replace(RECIPE, epochs=40, schedule="constant", views="centre", patience=2, pad=0)
    recipe = dataclasses.replace(recipe, rotation=0.0, zoom=0.0)
    found = recipe.fit(fold)[: len(fold.validation)]
    losses = json.loads((fold.folder / "history.json").read_text())["val_loss"]
    assert len(losses) < 40 and int(np.argmin(losses)) == len(losses) - 1 - 2
    assert losses[-1] > 1.02 * min(losses)
    true = found[np.arange(len(found)), fold.labels[fold.validation]]
    assert np.isclose(-np.log(true).mean(), min(losses), rtol=1e-3), losses


def test_a_limit_trains_on_fewer_rows_of_every_class(fold: Fold):
    chosen = fold.limited(7)
    assert len(chosen) == 7 and set(chosen) <= set(fold.train)
    assert set(fold.labels[chosen]) == {0, 1, 2}
    assert np.array_equal(fold.limited(None), fold.train) and np.array_equal(fold.limited(1000), fold.train)
