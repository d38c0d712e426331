"""Learning rates by step, and the optimizers that use them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.models import keras_backend
from harness.recipes.network import Network
from harness.recipes.snapshots import snapshot

pytestmark = pytest.mark.model

RECIPE = Network(network="minivggnet", size=(16, 16), epochs=10, learning_rate=1.0)


@pytest.fixture(autouse=True)
def seeded():
    keras_backend.start(seed=1)


def rates(steps: int = 10, **settings) -> np.ndarray:
    from harness.training.schedules import schedule

    rate = schedule(dataclasses.replace(RECIPE, **settings), steps)
    return np.array([float(rate(step)) if callable(rate) else rate for step in range(10 * steps + 1)])


ENDS = [("linear", 1.0, 0.0), ("polynomial", 1.0, 0.0), ("cosine", 0.1, 0.0), ("one_cycle", 0.1, 0.0)]


@pytest.mark.parametrize(("name", "first", "last"), [*ENDS, ("constant", 1.0, 1.0)])
def test_schedules_start_and_end_where_they_say(name, first, last):
    found = rates(schedule=name)
    assert np.isclose(found[0], first) and np.isclose(found[-1], last, atol=1e-6) and max(found) <= 1.0 + 1e-6


def test_the_polynomial_is_that_of_the_published_runs_at_the_beginning_of_every_epoch():
    epochs = np.arange(11)
    assert np.allclose(rates(schedule="polynomial", power=2.0)[::10], (1 - epochs / 10) ** 2, atol=1e-6)
    assert np.allclose(rates(schedule="linear")[::10], 1 - epochs / 10, atol=1e-6)


def test_a_table_of_rates_changes_them_with_its_epochs():
    found = rates(schedule="steps", milestones=((4, 1e-3), (6, 1e-4), (10, 1e-5)))
    assert np.allclose(found[:40], 1e-3) and np.allclose(found[40:60], 1e-4) and np.allclose(found[60:], 1e-5)


def test_time_decay_divides_by_the_steps():
    assert np.allclose(rates(schedule="time", decay=0.5), 1 / (1 + 0.5 * np.arange(101)))


def test_one_cycle_peaks_after_a_quarter():
    found = rates(schedule="one_cycle")
    assert found.argmax() == 25 and np.isclose(found[25], 1.0) and (np.diff(found[:26]) > 0).all()
    assert (np.diff(found[25:]) < 0).all()


@given(st.integers(1, 6), st.integers(1, 5), st.integers(2, 9))
@settings(max_examples=15)
def test_cycles_fall_to_almost_nothing_and_begin_again_wherever_they_are_cut_off(cycles, epochs, steps):
    from harness.training.schedules import schedule

    whole = dataclasses.replace(RECIPE, schedule="cycles", monitor="last", cycles=cycles, epochs=cycles * epochs)
    rate, length = schedule(whole, steps), epochs * steps
    found = np.array([float(rate(step)) for step in range(cycles * length)]).reshape(cycles, length)
    assert np.allclose(found, (1 + np.cos(np.pi * np.arange(length) / length)) / 2, atol=1e-5)
    earlier = snapshot(whole, str(cycles))
    if cycles > 1:
        cut = schedule(earlier, steps)
        assert earlier.epochs == epochs and [float(cut(step)) for step in range(length)] == found[0].tolist()


def variables() -> list:
    import keras

    return [keras.Variable(np.ones((2, 2), np.float32)), keras.Variable(np.ones(2, np.float32))]


@pytest.mark.parametrize("name", ["sgd", "rmsprop", "adam", "adagrad", "adadelta", "nadam"])
def test_every_optimizer_goes_downhill(name):
    from harness.training.optimizers import optimizer

    kernel, bias = trained = variables()
    made = optimizer(dataclasses.replace(RECIPE, optimizer=name), 0.1, trained)
    made.apply([np.ones((2, 2), np.float32), np.ones(2, np.float32)])
    assert (np.asarray(kernel) < 1).all() and (np.asarray(bias) < 1).all()


def test_weight_decay_shrinks_kernels_and_leaves_norms_and_biases_alone():
    from harness.training.optimizers import optimizer

    kernel, bias = trained = variables()
    made = optimizer(dataclasses.replace(RECIPE, weight_decay=0.5), 0.1, trained)
    made.apply([np.zeros((2, 2), np.float32), np.zeros(2, np.float32)])
    assert np.allclose(np.asarray(kernel), 0.95) and (np.asarray(bias) == 1).all()


def test_averaged_weights_follow_the_weights():
    from harness.training.optimizers import optimizer

    kernel, _ = trained = variables()
    made = optimizer(dataclasses.replace(RECIPE, ema=0.5, momentum=0.0, nesterov=False), 1.0, trained)
    for _ in range(2):
        made.apply([np.ones((2, 2), np.float32), np.ones(2, np.float32)])
    assert np.allclose(np.asarray(kernel), -1)
    made.finalize_variable_values(trained)
    assert np.allclose(np.asarray(kernel), -0.5)  # the mean of 0, where it was after the first step, and -1
