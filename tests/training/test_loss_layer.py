"""The loss at the end of a training model, and labels that are mixed with their images."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from harness.models import keras_backend
from harness.recipes.network import Network

pytestmark = pytest.mark.model

RECIPE = Network(network="minivggnet", size=(8, 8), epochs=1, learning_rate=0.1)
PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]], np.float32)
LABELS = np.array([[1, 0, 0], [0.25, 0, 0.75]], np.float32)


@pytest.fixture(autouse=True)
def seeded():
    keras_backend.start(seed=1)


def loss(training: bool, **settings) -> float:
    from harness.training.loss_layer import LossLayer

    layer = LossLayer(**settings)
    assert np.array_equal(np.asarray(layer([PROBABILITIES, LABELS], training=training)), PROBABILITIES)
    return float(sum(layer.losses))


def test_it_is_the_cross_entropy_of_mixed_labels():
    expected = -np.mean([np.log(0.7), 0.25 * np.log(0.1) + 0.75 * np.log(0.1)])
    assert np.isclose(loss(training=True), expected)


def test_smoothing_and_class_weights_count_in_training_only():
    plain = loss(training=False)
    assert np.isclose(loss(training=False, label_smoothing=0.3, class_weights=[1.0, 2.0, 3.0]), plain)
    smooth = 0.7 * LABELS + 0.3 / 3
    assert np.isclose(loss(training=True, label_smoothing=0.3), -(smooth * np.log(PROBABILITIES)).sum(axis=1).mean())
    each = -(LABELS * np.log(PROBABILITIES)).sum(axis=1)
    assert np.isclose(loss(training=True, class_weights=[1.0, 2.0, 3.0]), (each * [1, 2.5]).mean(), rtol=1e-5)


def test_balanced_classes_count_alike():
    from harness.training.loss_layer import balance

    labels = np.array([0] * 6 + [1] * 3 + [2])
    weights = np.array(balance(labels, 3))
    sums = np.bincount(labels) * weights
    assert np.allclose(sums, sums[0]) and np.isclose(weights[labels].mean(), 1)


@pytest.mark.parametrize("setting", ["mixup", "cutmix"])
def test_labels_are_mixed_as_their_images_are(setting):
    from harness.training.loss_layer import mixing

    layer = mixing(dataclasses.replace(RECIPE, **{setting: 1.0}), seed=1)
    assert layer is not None
    # The colour of an image is its class, so the share of each colour tells what its label must be.
    classes = np.arange(64) % 3
    images = np.broadcast_to(np.eye(3, dtype=np.float32)[classes][:, None, None], (64, 32, 32, 3)) * 200
    mixed = layer({"images": images, "labels": np.eye(3, dtype=np.float32)[classes]}, training=True)
    shares, labels = np.asarray(mixed["images"]).mean(axis=(1, 2)) / 200, np.asarray(mixed["labels"])
    assert np.allclose(shares, labels, atol=0.08)
    assert ((labels > 0.1) & (labels < 0.9)).any(axis=1).mean() > 0.3
    assert mixing(RECIPE, seed=1) is None


def test_nothing_is_mixed_when_validating():
    from harness.training.loss_layer import mixing

    images, labels = np.random.default_rng(0).uniform(size=(8, 8, 8, 3)), np.eye(3)[np.arange(8) % 3]
    for setting in ("mixup", "cutmix"):
        layer = mixing(dataclasses.replace(RECIPE, **{setting: 1.0}), seed=1)
        kept = layer({"images": images.astype(np.float32), "labels": labels.astype(np.float32)}, training=False)
        assert np.allclose(np.asarray(kept["images"]), images) and np.allclose(np.asarray(kept["labels"]), labels)
