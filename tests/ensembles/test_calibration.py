"""Calibration finds the temperature that was lost, mends certain mistakes, and moves no class before another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from harness.ensembles.calibration import COLDEST, HOTTEST, calibrate
from harness.scoring.metrics import METRICS
from tests.ensembles.cases import CASES, case

LOG_LOSS = METRICS["log_loss"]


def drawn(sharpness: float, n: int = 20_000, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn from probabilities, and those probabilities made too sure or too unsure: (1, n, classes)."""
    random = np.random.default_rng(0)
    logits = 2 * random.normal(size=(n, classes))
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (true.cumsum(axis=1) < random.random((n, 1))).sum(axis=1)
    said = np.exp(sharpness * logits)
    return (said / said.sum(axis=1, keepdims=True))[None], labels


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_the_temperature_that_was_lost_is_found(sharpness):
    found = calibrate(*drawn(sharpness))
    assert found.temperature == pytest.approx(sharpness, rel=0.05)
    assert found.floor <= 1e-3


def test_certain_mistakes_are_kept_from_costing_everything():
    members, labels = drawn(1.0)
    members = members.copy()
    for row in range(200):  # one in a hundred is sure of a wrong class
        members[0, row] = np.eye(4)[(labels[row] + 1) % 4]
    found = calibrate(members, labels)
    assert 1e-3 <= found.floor <= 0.05
    assert found.temperature < 1.5
    assert LOG_LOSS.score(labels, found(members)) < LOG_LOSS.score(labels, members[0]) - 0.1


@given(CASES)
@settings(max_examples=20)
def test_where_it_is_fitted_it_never_costs_and_it_moves_no_class_before_another(found):
    members, labels = found
    fitted = calibrate(members[:1], labels)
    after = fitted(members[:1])
    assert COLDEST <= fitted.temperature <= HOTTEST
    assert np.allclose(after.sum(axis=1), 1)
    assert LOG_LOSS.score(labels, after) <= LOG_LOSS.score(labels, members[0]) + 1e-6
    order = np.argsort(members[0], axis=1)
    assert (np.diff(np.take_along_axis(after, order, axis=1), axis=1) >= 0).all()


def test_a_search_that_ends_in_a_worse_minimum_is_not_taken():
    (members, labels) = case(499, (2.5,), 53, 2)
    labels = labels.copy()
    labels[:2] = 0, 1
    after = calibrate(members[:1], labels)(members[:1])
    assert LOG_LOSS.score(labels, after) <= LOG_LOSS.score(labels, members[0]) + 1e-6
