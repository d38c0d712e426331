"""Hill climbing: never worse than its best member where it is fitted, and the same however it is computed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.ensembles.combine import Average
from harness.ensembles.hill_climbing import select
from harness.scoring.metrics import METRICS
from tests.ensembles.cases import CASES, SCORED_BY, SCORED_CASES, case

METRIC = st.sampled_from(SCORED_BY)


def greedy(members, labels, metric, steps: int = 12, bags: int = 1) -> np.ndarray:
    return select(members, labels, metric, steps=steps, bags=bags, seed=0)


@given(SCORED_CASES, METRIC, st.sampled_from([1, 5]))
def test_weights_sum_to_one_and_the_ensemble_is_never_worse_than_its_best_member(found, metric, bags):
    members, labels = found
    weights = greedy(members, labels, metric, bags=bags)
    assert weights.sum() == pytest.approx(1) and (weights >= 0).all()
    score = metric.score(labels, Average(weights)(members))
    rounding = 1e-6 * (1 if metric.higher_is_better else -1)  # of probabilities in float32
    for member in members:
        assert not metric.better(metric.score(labels, member), score + rounding)


@given(SCORED_CASES, METRIC)
def test_shortcuts_find_what_computing_the_metric_in_full_finds(found, metric):
    members, labels = found
    in_full = dataclasses.replace(metric, name="the same under a name that has no shortcut")
    assert np.array_equal(greedy(members, labels, metric), greedy(members, labels, in_full))


@given(CASES, st.randoms(use_true_random=False))
def test_the_order_of_rows_never_matters(found, random):
    members, labels = found
    rows = list(range(len(labels)))
    random.shuffle(rows)
    log_loss = METRICS["log_loss"]
    assert np.array_equal(greedy(members, labels, log_loss), greedy(members[:, rows], labels[rows], log_loss))


def test_the_order_of_members_never_matters():
    members, labels = case(0, (0.5, 1.0, 1.5, 2.0, 0.0, 1.2), 300, 4)
    order = np.random.default_rng(1).permutation(6)
    for metric in SCORED_BY:
        assert np.array_equal(greedy(members, labels, metric)[order], greedy(members[order], labels, metric))


def test_a_member_that_knows_all_is_taken_alone_and_one_that_knows_nothing_is_not():
    members, labels = case(1, (0.0, 9.0, 0.0), 200, 3)
    for metric in SCORED_BY:
        assert greedy(members, labels, metric).tolist() == [0, 1, 0]


def test_members_that_err_apart_are_taken_together():
    labels = np.arange(400) % 2
    right = np.eye(2)[labels]
    members = np.stack([np.where(np.arange(400)[:, None] % 4 == part, 0.5, 0.8 * right + 0.1) for part in range(3)])
    weights = greedy(members, labels, METRICS["log_loss"], steps=30)
    assert np.allclose(weights, 1 / 3, atol=0.03)


def test_of_equal_members_one_is_taken_however_often():
    members, labels = case(2, (1.0,), 100, 3)
    for metric in SCORED_BY:
        assert greedy(np.repeat(members, 4, axis=0), labels, metric).tolist() == [1, 0, 0, 0]


def test_of_ties_one_already_in_is_taken():
    # Members 0 and 1 together are always right, and adding any member keeps them so; selection goes on at no gain.
    labels = np.zeros(4, int)
    members = np.array([[[0.9, 0.1]] * 2 + [[0.4, 0.6]] * 2, [[0.4, 0.6]] * 2 + [[0.9, 0.1]] * 2, [[0.5, 0.5]] * 4])
    members[2, :3] = [0.3, 0.7]
    weights = greedy(members, labels, METRICS["accuracy"], steps=9)
    assert weights.tolist() == [0.5, 0.5, 0]


def test_it_stops_at_its_best_step():
    members, labels = case(3, (2.0, 0.2), 500, 4)
    weights = greedy(members, labels, METRICS["log_loss"], steps=40)
    best = METRICS["log_loss"].score(labels, Average(weights)(members))
    for count in range(41):
        share = Average(np.array([1 - count / 40, count / 40]))
        assert best <= METRICS["log_loss"].score(labels, share(members)) + 1e-3


def test_bags_are_the_same_for_the_same_seed():
    members, labels = case(4, (1.0,) * 12, 200, 3)
    log_loss = METRICS["log_loss"]
    found = [select(members, labels, log_loss, steps=10, bags=6, seed=seed) for seed in (0, 0, 1)]
    assert np.array_equal(found[0], found[1]) and not np.array_equal(found[0], found[2])


def test_certain_mistakes_do_not_upset_it():
    labels = np.array([0, 1] * 20)
    wrong = np.eye(2)[1 - labels]
    right = np.eye(2)[labels]
    assert greedy(np.stack([wrong, right]), labels, METRICS["log_loss"]).tolist() == [0, 1]
    assert greedy(np.stack([wrong, wrong]), labels, METRICS["log_loss"]).tolist() == [1, 0]
