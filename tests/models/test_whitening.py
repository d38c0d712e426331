"""Whitening: patches come out uncorrelated and of one strength, and a network starts with it."""

from __future__ import annotations

import numpy as np
import pytest

from harness.models import keras_backend

pytestmark = pytest.mark.model


@pytest.fixture(autouse=True)
def seeded():
    keras_backend.start(seed=1)


def test_patches_along_the_filters_are_uncorrelated_with_a_variance_of_one():
    import keras

    from harness.models.whitening import Whitening

    random = np.random.default_rng(0)
    # Neighbours and colours go together, as in photographs.
    images = np.cumsum(random.normal(size=(40, 12, 12, 3)), axis=1) + random.normal(size=(40, 12, 1, 1))
    images = (images - images.mean()).astype(np.float32)
    layer = Whitening()
    layer(images)
    layer.adapt([images[:15], images[15:]])
    linear = np.asarray(keras.ops.conv(images, layer.kernel, padding="valid")).reshape(-1, 24)
    assert np.allclose(linear[:, :12], -linear[:, 12:], atol=1e-3)
    assert np.allclose(linear[:, :12].T @ linear[:, :12] / len(linear), np.eye(12), atol=0.01)


def test_the_filters_are_not_trained_but_their_biases_are():
    from harness.models.whitening import Whitening

    layer = Whitening()
    layer.build((None, 8, 8, 3))
    assert [variable.name for variable in layer.trainable_variables] == ["bias"]


def test_the_images_that_are_looked_at_are_of_all_classes_though_rows_are_in_their_order():
    from harness.models.whitening import IMAGES, looked_at

    train = np.random.default_rng(0).permutation(np.arange(3, 4 * IMAGES))
    rows = looked_at(train)
    assert len(rows) == IMAGES and len({*rows}) == IMAGES and np.isin(rows, train).all()
    assert np.bincount(rows // IMAGES).tolist() == pytest.approx([IMAGES / 4] * 4, abs=2)
    assert (looked_at(np.array([7, 2, 5])) == [2, 5, 7]).all()


@pytest.mark.slow
def test_a_fast_network_trains_behind_whitening_with_filters_from_its_training_images_alone(tmp_path):
    from harness.recipes import Network
    from tests.training.folds import drawn_fold

    fold = drawn_fold(tmp_path, side=25)
    recipe = Network(
        network="airbench",
        options={"widths": (8, 8, 8)},
        whiten=True,
        size=(25, 25),
        epochs=1,
        learning_rate=0.1,
        batch_size=32,
        pad=2,
        edges="reflect",
        flip="alternating",
        coupled_decay=1e-3,
        norm_rate=8.0,
        lookahead=True,
        schedule="triangle",
    )
    cache = recipe.cache(fold)
    filters = [
        np.asarray(recipe.assemble(3, cache, rows).get_layer("airbench").get_layer("whitening").kernel)
        for rows in (fold.train, fold.train[::-1], fold.train[:45])
    ]
    assert np.abs(filters[0]).max() > 0
    assert np.allclose(np.abs(filters[0]), np.abs(filters[1]), atol=1e-4)
    assert not np.allclose(np.abs(filters[0]), np.abs(filters[2]), atol=1e-4)
    probabilities = recipe.fit(fold)
    assert probabilities.shape == (50, 3) and np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
