"""Batch norms' statistics are measured anew, as training sees the images, where the weights are averages."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from harness.data.fold import Fold
from harness.recipes.network import Network
from tests.training.folds import TINY, drawn_fold

pytestmark = pytest.mark.model

RECIPE = Network(**TINY, size=(16, 16), epochs=1, batch_size=16, learning_rate=0.01, monitor="last")


@pytest.fixture(scope="module")
def fold(tmp_path_factory) -> Fold:
    return drawn_fold(tmp_path_factory.mktemp("drawn"))


def test_norms_are_measured_as_training_sees_the_images_and_equally_each_time(fold: Fold):
    import keras

    from harness.data.batches import Batches
    from harness.models import keras_backend
    from harness.training.model import build
    from harness.training.norms import _layers, measure_norms
    from harness.training.soup import _random_state
    from harness.training.training_sequence import TrainingSequence

    keras_backend.start(seed=1)
    models = build(RECIPE, fold)
    images = TrainingSequence(Batches(RECIPE.cache(fold).images, fold.train, fold.labels, 30, seed=1))
    restart = _random_state(models.trainer)
    norm = next(layer for layer in _layers(models.network) if isinstance(layer, keras.layers.BatchNormalization))
    momentum, found = norm.momentum, []
    for spoilt in (5.0, -3.0):
        norm.moving_mean.assign(np.full(norm.moving_mean.shape, spoilt, np.float32))
        restart()
        measure_norms(models, images)
        found.append([np.array(weight) for weight in models.network.weights])
    assert all(np.array_equal(one, other) for one, other in zip(*found, strict=True))
    assert norm.momentum == momentum
    assert abs(float(np.mean(norm.moving_mean))) < 2, "and nothing is left of what it was"

    for layer in _layers(models.network):
        layer.trainable = False
    norm.moving_mean.assign(np.full(norm.moving_mean.shape, 5.0, np.float32))
    measure_norms(models, images)
    assert (np.array(norm.moving_mean) == 5.0).all(), "frozen norms stay"


@pytest.mark.parametrize("lookahead", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_lookahead_ends_with_norms_measured_on_the_slow_weights(fold: Fold, tmp_path: Path, monkeypatch, lookahead):
    from harness.training import loop, norms

    measured = []
    monkeypatch.setattr(norms, "measure_norms", lambda models, images: measured.append((models.network, len(images))))
    network = loop.train(
        dataclasses.replace(RECIPE, lookahead=lookahead),
        dataclasses.replace(fold, folder=tmp_path),
    )
    assert measured == [(network, 6)] * lookahead, "90 images in batches of 16"
