"""Every network: its parameters, a step of training, its weights on disk, and the same answer on both backends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.models import keras_backend, networks
from harness.models.networks import NETWORKS, build
from tests.conftest import CHECKOUT

pytestmark = pytest.mark.model

TINY_IMAGENET = {"stem": "tiny_imagenet", "stages": (3, 4, 6), "filters": (64, 128, 256, 512)}

# All weights, then the trainable ones, as published; those of wideresnet as counted here for WRN-16-4.
PARAMETERS: list[tuple[str, dict[str, Any], tuple[int, int, int, int], int, int]] = [
    ("airbench", {}, (31, 31, 24, 10), 1_973_632, 1_971_328),
    ("minivggnet", {}, (32, 32, 3, 10), 2_171_178, 2_169_770),
    ("minivggnet", {}, (64, 64, 3, 17), 8_466_225, 8_464_817),
    ("alexnet", {}, (227, 227, 3, 2), 58_327_810, 58_308_674),
    ("minigooglenet", {}, (32, 32, 3, 10), 1_656_250, 1_652_826),
    ("deepergooglenet", {}, (64, 64, 3, 200), 3_667_976, 3_657_992),
    ("resnet", {}, (32, 32, 3, 10), 886_102, 873_872),
    ("resnet", TINY_IMAGENET, (64, 64, 3, 200), 2_265_748, 2_252_046),
    ("wideresnet", {}, (32, 32, 3, 10), 2_752_506, 2_748_890),
]

# What is not tried at 16 pixels as it is: too small an image, or more layers than a quick test needs.
SIDE = {"alexnet": 57}
OPTIONS: dict[str, dict[str, Any]] = {
    "airbench": {"widths": (8, 8, 8), "depth": 3},
    "resnet": {"stages": (1, 1, 1), "filters": (16, 16, 32, 64)},
    "wideresnet": {"blocks": (1, 1, 1), "widen": 1},
}
EACH = pytest.mark.parametrize("name", NETWORKS)
# The large ones take seconds, so they are among the slow tests.
LARGE = {"deepergooglenet", "alexnet", "minigooglenet"}
SMALL_FIRST = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in LARGE else name for name in NETWORKS]
)


@pytest.fixture(autouse=True)
def seeded():
    keras_backend.start(seed=1)


def small(name: str, classes: int = 4):
    side = SIDE.get(name, 16)
    return build(name, side, side, 3, classes, **OPTIONS.get(name, {}))


def images(name: str, count: int = 8) -> np.ndarray:
    side = SIDE.get(name, 16)
    return np.random.default_rng(0).normal(size=(count, side, side, 3)).astype(np.float32)


def trainable(model) -> int:
    return sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)


@pytest.mark.parametrize(("name", "options", "shape", "weights", "trained"), PARAMETERS)
def test_parameters_are_as_published(name, options, shape, weights, trained):
    model = build(name, *shape, **options)
    assert (model.count_params(), trainable(model)) == (weights, trained)


def test_every_network_has_its_parameters_pinned():
    assert {name for name, *_ in PARAMETERS} == set(NETWORKS)


@EACH
def test_the_output_is_class_probabilities(name):
    found = np.asarray(small(name, classes=7)(images(name)))
    assert found.shape == (8, 7)
    assert np.allclose(found.sum(axis=1), 1, atol=1e-5) and (found >= 0).all()


@SMALL_FIRST
def test_steps_of_training_lower_the_loss(name):
    import keras

    keras_backend.start(seed=1)  # once more, for pytest-randomly sets another one before each test's own code
    model = small(name, classes=2)
    # TensorFlow takes ten times as long to trace a graph as to do these few steps without one; JAX the reverse.
    eagerly = keras.backend.backend() == "tensorflow"
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", run_eagerly=eagerly)
    x, labels = images(name, 16), np.arange(16) % 2
    x[labels == 1] += 1.0
    losses = [model.train_on_batch(x, labels, return_dict=True)["loss"] for _ in range(5)]
    assert np.isfinite(losses).all() and losses[-1] < 0.9 * losses[0]


@SMALL_FIRST
def test_a_network_survives_the_disk(name, tmp_path: Path):
    import keras

    model = small(name)
    model.save(tmp_path / "kept.keras")
    again = keras.saving.load_model(tmp_path / "kept.keras")
    assert np.array_equal(np.asarray(model(images(name))), np.asarray(again(images(name))))


@SMALL_FIRST
def test_weight_decay_is_on_every_kernel_and_nowhere_else(name):
    def decayed(reg: float) -> int:
        return len(build(name, *[SIDE.get(name, 16)] * 2, 3, 4, reg=reg, **OPTIONS.get(name, {})).losses)

    kernels = [variable for variable in small(name).trainable_variables if len(variable.shape) > 1]
    assert decayed(1e-3) == len(kernels) and decayed(0.0) == 0


@EACH
def test_it_takes_the_smallest_image_it_says_it_takes(name):
    side = networks.smallest(name)
    assert build(name, side, side, 3, 2, **OPTIONS.get(name, {})).output_shape == (None, 2)
    if side > 1:
        with pytest.raises(ValueError, match=r"negative|Computed output size"):
            build(name, side - 1, side - 1, 3, 2)


def test_options_are_known_without_importing_keras():
    assert networks.options("resnet") == ("reg", "module_reg", "stem", "stages", "filters")
    assert all("reg" in networks.options(name) for name in NETWORKS)


def test_resnets_modules_may_have_a_weight_decay_of_their_own():
    model = build("resnet", 16, 16, 3, 4, reg=0.5, module_reg=0.25, **OPTIONS["resnet"])
    weights = [float(layer.kernel_regularizer.l2) for layer in model.layers if hasattr(layer, "kernel_regularizer")]
    assert weights[0] == weights[-1] == 0.5 and set(weights[1:-1]) == {0.25}


def test_deepergooglenets_order_and_activation_may_be_chosen():
    from keras import layers

    def kinds(**options) -> list[str]:
        model = build("deepergooglenet", 16, 16, 3, 4, **options)
        after = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization | layers.Activation)]
        return [getattr(getattr(layer, "activation", None), "__name__", "bn") for layer in after[:2]]

    assert kinds() == ["bn", "relu"]
    assert kinds(order="activation_first", activation="elu") == ["elu", "bn"]


# Both backends fill the networks with the same numbers, so that no weights have to travel.
ANSWERS = """
import json, sys
from harness.models import keras_backend
keras_backend.start(seed=1)
from tests.models.networks.test_networks import answer
print(json.dumps({name: answer(name).tolist() for name in sys.argv[1:]}))
"""


def answer(name: str) -> np.ndarray:
    """What a network with numbered weights makes of the images."""
    model, random = small(name), np.random.default_rng(5)

    def numbers(shape: tuple[int, ...]) -> np.ndarray:
        if len(shape) == 1:
            return random.uniform(0.5, 1.5, shape)
        return random.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape)

    model.set_weights([numbers(weight.shape) for weight in model.get_weights()])
    return model.predict(images(name), verbose=0)


def answers_of_the_other_backend(names: tuple[str, ...]) -> dict[str, list]:
    import keras

    other = {"tensorflow": "jax", "jax": "tensorflow"}[keras.backend.backend()]
    told = subprocess.run(
        [sys.executable, "-c", ANSWERS, *names],
        env=os.environ | {"KERAS_BACKEND": other, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout.splitlines()[-1])


@pytest.mark.slow  # building these takes JAX half a minute
def test_both_backends_give_the_same_answer_with_the_same_weights():
    for name, found in answers_of_the_other_backend(NETWORKS).items():
        assert np.std(found) > 1e-3, "answers that differ by image and class"
        assert np.allclose(found, answer(name), atol=1e-4), name
