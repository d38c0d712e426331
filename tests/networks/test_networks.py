"""Every network: its parameters, a step of training, its weights on disk, and the same answer on both backends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.networks import NETWORKS, build
from tests.conftest import CHECKOUT

pytestmark = pytest.mark.model

# All weights, then the trainable ones, as published.
PARAMETERS = [
    ("minivggnet", (32, 32, 3, 10), 2_171_178, 2_169_770),
    ("minivggnet", (64, 64, 3, 17), 8_466_225, 8_464_817),
]
EACH = pytest.mark.parametrize("name", NETWORKS)


@pytest.fixture(autouse=True)
def seeded():
    from harness import backend

    backend.start(seed=1)


def images(count: int = 8, side: int = 32) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, side, side, 3)).astype(np.float32)


@pytest.mark.parametrize(("name", "shape", "weights", "trainable"), PARAMETERS)
def test_parameters_are_as_published(name, shape, weights, trainable):
    model = build(name, *shape)
    assert model.count_params() == weights
    assert sum(int(np.prod(variable.shape)) for variable in model.trainable_variables) == trainable


def test_every_network_has_its_parameters_pinned():
    assert {name for name, *_ in PARAMETERS} == set(NETWORKS)


@EACH
def test_the_output_is_class_probabilities(name):
    found = np.asarray(build(name, 32, 32, 3, 7)(images()))
    assert found.shape == (8, 7)
    assert np.allclose(found.sum(axis=1), 1, atol=1e-5) and (found >= 0).all()


@EACH
def test_steps_of_training_lower_the_loss(name):
    import keras

    model = build(name, 32, 32, 3, 2)
    model.compile(keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy")
    x, labels = images(32), np.arange(32) % 2
    x[labels == 1] += 1.0
    history = model.fit(x, labels, epochs=6, batch_size=16, verbose=0).history["loss"]
    assert history[-1] < 0.7 * history[0]


@EACH
def test_weights_survive_the_disk(name, tmp_path: Path):
    first, second = build(name, 32, 32, 3, 4), build(name, 32, 32, 3, 4)
    before = np.asarray(first(images()))
    assert not np.allclose(before, second(images()))
    first.save_weights(tmp_path / "kept.weights.h5")
    second.load_weights(tmp_path / "kept.weights.h5")
    assert np.array_equal(before, np.asarray(second(images())))


ANSWER = """
import json, sys
import numpy as np
from harness import backend, networks
name, folder = sys.argv[1:]
backend.start(seed=1)
model = networks.build(name, 32, 32, 3, 4)
with np.load(folder + "/weights.npz") as kept:
    model.set_weights([kept[str(i)] for i in range(len(kept.files))])
print(json.dumps(np.asarray(model(np.load(folder + "/images.npy"))).tolist()))
"""


@EACH
def test_both_backends_give_the_same_answer_with_the_same_weights(name, tmp_path: Path):
    import keras

    other = {"tensorflow": "jax", "jax": "tensorflow"}[keras.backend.backend()]
    model = build(name, 32, 32, 3, 4)
    np.savez(tmp_path / "weights.npz", **{str(i): weight for i, weight in enumerate(model.get_weights())})
    np.save(tmp_path / "images.npy", images())
    answer = subprocess.run(
        [sys.executable, "-c", ANSWER, name, str(tmp_path)],
        env=os.environ | {"KERAS_BACKEND": other, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    found = np.array(json.loads(answer.stdout.splitlines()[-1]))
    assert np.allclose(found, np.asarray(model(images())), atol=1e-5)
