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
from harness.utils.errors import UserError

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


def test_a_table_of_one_rate_keeps_it():
    assert np.allclose(rates(schedule="steps", milestones=((10, 1e-3),)), 1e-3)


def test_time_decay_divides_by_the_steps():
    assert np.allclose(rates(schedule="time", decay=0.5), 1 / (1 + 0.5 * np.arange(101)))


def test_one_cycle_peaks_after_a_quarter():
    found = rates(schedule="one_cycle")
    assert found.argmax() == 25 and np.isclose(found[25], 1.0) and (np.diff(found[:26]) > 0).all()
    assert (np.diff(found[25:]) < 0).all()


def test_the_triangle_goes_through_its_three_shares_in_straight_lines():
    found = rates(schedule="triangle", triangle=(0.2, 0.25, 0.07))
    assert np.allclose(found, np.interp(np.arange(101), [0, 25, 100], [0.2, 1.0, 0.07]), atol=1e-6)


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
    made = optimizer(dataclasses.replace(RECIPE, optimizer=name), 0.1, trained, steps=1)
    made.apply([np.ones((2, 2), np.float32), np.ones(2, np.float32)])
    assert (np.asarray(kernel) < 1).all() and (np.asarray(bias) < 1).all()


def test_weight_decay_shrinks_kernels_and_leaves_norms_and_biases_alone():
    from harness.training.optimizers import optimizer

    kernel, bias = trained = variables()
    made = optimizer(dataclasses.replace(RECIPE, weight_decay=0.5), 0.1, trained, steps=1)
    made.apply([np.zeros((2, 2), np.float32), np.zeros(2, np.float32)])
    assert np.allclose(np.asarray(kernel), 0.95) and (np.asarray(bias) == 1).all()


def test_averaged_weights_follow_the_weights():
    from harness.training.optimizers import optimizer

    kernel, _ = trained = variables()
    made = optimizer(dataclasses.replace(RECIPE, ema=0.5, momentum=0.0, nesterov=False), 1.0, trained, steps=2)
    for _ in range(2):
        made.apply([np.ones((2, 2), np.float32), np.ones(2, np.float32)])
    assert np.allclose(np.asarray(kernel), -1)
    made.finalize_variable_values(trained)
    assert np.allclose(np.asarray(kernel), -0.5)  # the mean of 0, where it was after the first step, and -1


@pytest.mark.parametrize("lookahead", [False, True])
def test_coupled_decay_the_rate_of_offsets_and_lookahead_are_those_of_the_formula(lookahead):
    import keras

    from harness.training.optimizers import optimizer

    steps, rate, momentum, decay, norm_rate = 12, 0.1, 0.85, 0.3, 8.0
    kernel, offset = keras.Variable([[0.5, -1.0]]), keras.Variable([1.0, -3.0], name="beta")
    gradients = np.random.default_rng(0).normal(size=(steps, 2, 2)).astype(np.float32)
    settings = dataclasses.replace(
        RECIPE, momentum=momentum, coupled_decay=decay, norm_rate=norm_rate, lookahead=lookahead
    )
    made = optimizer(settings, rate, [kernel, offset], steps)
    for to_kernel, to_offset in gradients:
        made.apply([to_kernel[None], to_offset])

    for number, (start, variable, times) in enumerate([([0.5, -1.0], kernel, 1.0), ([1.0, -3.0], offset, norm_rate)]):
        weight = slow = np.array(start)
        velocity = np.zeros(2)
        for step in range(1, steps + 1):
            gradient = gradients[step - 1, number] + decay / times * weight
            velocity = momentum * velocity - rate * times * gradient
            weight = weight + momentum * velocity - rate * times * gradient
            if lookahead and step % 5 == 0:
                slow = slow + (1 - 0.95**5 * (step / steps) ** 3) * (weight - slow)
                weight = slow
        assert np.allclose(np.asarray(variable).ravel(), slow if lookahead else weight, atol=1e-4)


def test_settings_of_sgd_are_refused_with_another_optimizer():
    for setting in ({"coupled_decay": 0.1}, {"norm_rate": 2.0}, {"lookahead": True}):
        with pytest.raises(UserError, match="optimizer must be 'sgd'"):
            dataclasses.replace(RECIPE, optimizer="adam", **setting).check_training(1, hflip_safe=True)
