"""Honest gains: cross-fitted, paired, of the right sign, and none where there is nothing to gain."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.data.folds import Folds
from harness.ensembles.combine import Average
from harness.ensembles.crossfit import Fitting, parts_of
from harness.ensembles.gain import Gain, correlation, examine, paired
from harness.ensembles.hill_climbing import select
from harness.ensembles.stacking import stack
from harness.scoring.metrics import METRICS
from harness.utils.errors import UserError
from tests.ensembles.cases import CASES, SCORED_BY, SCORED_CASES, case, named, probabilities

ACCURACY, ERROR, LOG_LOSS = (METRICS[name] for name in ("accuracy", "error", "log_loss"))


def greedy(metric):
    return lambda members, labels: Average(select(members.probabilities, labels, metric, steps=20, bags=1, seed=0))


def mean(members, labels):
    return Average(np.ones(len(members.names)))


# Cross-fitting.


@given(CASES, st.integers(2, 4))
@settings(max_examples=25)
def test_no_row_is_scored_by_what_saw_its_label(found, count):
    members, labels = found
    parts = np.arange(len(labels)) % count
    seen: list[set[str]] = []

    def fit(members, labels):
        rows = set(members.ids)
        seen.append(rows)
        return lambda asked: np.full(asked.shape[1:], len(rows), float)

    honest = Fitting(fit, named(members), labels, parts).honest
    ids = named(members).ids
    for part, fitted in zip(range(count), seen, strict=True):
        assert fitted == {ids[row] for row in np.flatnonzero(parts != part)}
        assert (honest[parts == part] == len(fitted)).all()


def test_a_changed_label_changes_no_prediction_of_its_own_row():
    members, labels = case(0, (0.5, 0.7, 0.9), 60, 3)
    parts = np.arange(60) % 3

    def fit(members, labels):
        return stack(members.probabilities, labels, 1.0)

    before = Fitting(fit, named(members), labels, parts)
    flipped = np.where(np.arange(60) == 7, (labels + 1) % 3, labels)
    after = Fitting(fit, named(members), flipped, parts)
    assert np.array_equal(before.honest[7], after.honest[7])
    assert not np.allclose(before.honest[8], after.honest[8], atol=1e-6)  # of another part: fitted to row 7
    assert not np.allclose(before.combiner(members)[7], after.combiner(members)[7], atol=1e-4)


def folds(assignment: list[list[int]]) -> Folds:
    return Folds(tuple(f"{row:06d}" for row in range(len(assignment))), np.array(assignment))


def test_the_parts_are_the_folds_the_members_were_fitted_on():
    known = folds([[0, 1], [1, 1], [-1, 0], [1, 0]])
    ids = ("000003", "000000", "000001")
    assert parts_of(ids, np.zeros(3, int), np.arange(3), known).tolist() == [1, 0, 1]


@pytest.mark.parametrize("rare", [1, 20])
def test_rows_of_a_single_fold_are_dealt_anew_and_copies_stay_together(rare):
    known = folds([[0]] * 60 + [[1]] * 40)
    labels, groups = (np.arange(60) < rare).astype(int), np.arange(60) // 2
    found = parts_of(known.ids[:60], labels, groups, known)
    assert sorted(set(found)) == [0, 1, 2, 3, 4]
    assert all(len(set(found[groups == group])) == 1 for group in range(30))


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("count", [2, 3, 4])
def test_of_few_groups_each_is_a_part(count, several):
    """Such as the patients of one fold."""
    known = folds([[0]] * 12 + [[1]] * 8)
    labels, groups = np.arange(12) % 2, np.arange(12) % count
    found = parts_of(known.ids[:12], np.eye(2, dtype=int)[labels] if several else labels, groups, known)
    assert all(len(set(found[groups == group])) == 1 for group in range(count)) and len(set(found)) >= 2
    if not several:
        assert len(set(found)) == count


def test_one_group_cannot_be_cross_fitted():
    known = folds([[0]] * 3 + [[1]] * 3)
    with pytest.raises(UserError, match="these rows are of one"):
        parts_of(known.ids[:3], np.array([0, 1, 0]), np.zeros(3, int), known)


# Gains.


@given(SCORED_CASES, st.sampled_from(SCORED_BY))
@settings(max_examples=25)
def test_a_gain_is_the_difference_of_the_scores_and_points_upwards(found, metric):
    members, labels = found
    ours, theirs = members[0], members[-1]
    found = paired(metric, labels, ours, theirs)
    sign = 1 if metric.higher_is_better else -1
    assert found.gain == pytest.approx(sign * (metric.score(labels, ours) - metric.score(labels, theirs)), abs=1e-6)
    assert found.low <= found.gain + 1e-12 and found.gain - 1e-12 <= found.high
    back = paired(metric, labels, theirs, ours)
    assert back.gain == pytest.approx(-found.gain, abs=1e-9)


def test_rounding_is_no_gain():
    members, labels = case(4, (1.0,), 500, 4)
    rounded = members[0] * np.float64(1 + 1e-9)
    assert paired(LOG_LOSS, labels, Average(np.array([3.0]))(members), rounded) == Gain(0, 0, 0)


def test_verdicts():
    assert Gain(0.02, 0.01, 0.03).verdict == "better"
    assert Gain(-0.02, -0.03, -0.01).verdict == "worse"
    assert Gain(0.02, 0.0, 0.03).verdict == Gain(0.0, 0.0, 0.0).verdict == "within noise"


def test_pairing_sees_what_two_intervals_would_not():
    members, labels = case(1, (1.0,), 3000, 4)
    worse = members[0].copy()
    worse[np.arange(30), labels[:30]] = 0
    worse /= worse.sum(axis=1, keepdims=True)
    found = paired(ACCURACY, labels, members[0], worse)
    width = 1.96 * np.sqrt(0.25 / 3000)
    assert found.verdict == "better" and found.gain < width


def test_mistakes_that_are_shared_correlate():
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 2000)
    same = random.normal(size=(2000, 3))
    alike = [probabilities(random, labels, 3, 1.0, 3 * same) for _ in range(2)]
    apart = probabilities(random, labels, 3, 1.0)
    constant = np.full((2000, 3), 1 / 3)
    found = correlation(np.stack([*alike, apart, constant]), labels)
    assert np.array_equal(found, found.T) and (np.diag(found) == 1).all()
    assert found[0, 1] > 0.7 and abs(found[0, 2]) < 0.1 and found[0, 3] == 0


def test_the_cross_fitted_score_of_noise_does_not_beat_a_coin():
    in_sample, honest = [], []
    for seed in range(25):
        members, labels = case(seed, (0.0,) * 15, 200, 2)
        fitting = Fitting(greedy(ACCURACY), named(members), labels, np.arange(200) % 5)
        in_sample.append(ACCURACY.score(labels, fitting.combiner(members)))
        honest.append(ACCURACY.score(labels, fitting.honest))
    error = 0.5 / np.sqrt(25 * 200)
    assert np.mean(in_sample) > 0.5 + 6 * error  # which is what fools people
    assert np.mean(honest) < 0.5 + 3 * error


@pytest.mark.parametrize("seed", range(4))
def test_stacking_noise_does_not_beat_a_coin_either(seed):
    members, labels = case(seed, (0.0,) * 8, 300, 2)
    fitting = Fitting(
        lambda members, labels: stack(members.probabilities, labels, 1.0), named(members), labels, np.arange(300) % 5
    )
    coin = np.full((300, 2), 0.5)
    assert LOG_LOSS.score(labels, fitting.combiner(members)) < LOG_LOSS.score(labels, coin)
    assert paired(LOG_LOSS, labels, fitting.honest, coin).verdict != "better"


# The report.


def test_the_report_names_the_best_member_and_what_each_one_adds():
    random = np.random.default_rng(0)
    labels = random.integers(0, 4, 3000)
    shared = random.normal(size=(3000, 4))
    twin = probabilities(random, labels, 4, 2.5, shared)
    other, useless = probabilities(random, labels, 4, 1.2), probabilities(random, labels, 4, -2.0)
    members = named(np.stack([twin, twin, other, useless]))
    found = examine(Fitting(mean, members, labels, np.arange(3000) % 5), LOG_LOSS)
    helped = {one["name"]: one["contribution"]["verdict"] for one in found["members"]}
    assert helped["member 002"] == "better" and helped["member 003"] == "worse"
    assert found["best"] == "member 000" and found["rows"] == 3000 and found["metric"] == "log_loss"
    assert found["in_sample"] == pytest.approx(found["honest"])
    assert found["best_honest"] == found["members"][0]["score"]  # so clearly the best that every part chooses it
    assert found["gain"]["gain"] == pytest.approx(found["best_honest"] - found["honest"], abs=1e-6)
    assert found["fitted"]["weights"] == [0.25] * 4


def test_an_ensemble_of_one_is_within_noise_of_it():
    members, labels = case(2, (1.0,), 100, 3)
    found = examine(Fitting(mean, named(members), labels, np.arange(100) % 5), ERROR)
    assert found["gain"] == {"gain": 0, "low": 0, "high": 0, "verdict": "within noise"}
    assert found["correlation"] == [[1.0]] and "contribution" not in found["members"][0]


def test_the_best_of_many_equals_owes_its_score_to_luck():
    lucky, honest = [], []
    for seed in range(25):
        members, labels = case(seed, (0.0,) * 15, 200, 2)
        found = examine(Fitting(mean, named(members), labels, np.arange(200) % 5), ACCURACY)
        lucky.append(max(member["score"] for member in found["members"]))
        honest.append(found["best_honest"])
        assert found["gain"]["gain"] == pytest.approx(found["honest"] - found["best_honest"], abs=1e-9)
    error = 0.5 / np.sqrt(25 * 200)
    assert np.mean(lucky) > 0.5 + 6 * error and np.mean(honest) < 0.5 + 3 * error


def test_a_fitted_ensemble_looks_better_where_it_was_fitted():
    members, labels = case(3, (0.3,) * 12, 250, 3)
    found = examine(Fitting(greedy(ACCURACY), named(members), labels, np.arange(250) % 5), ACCURACY)
    assert found["in_sample"] > found["honest"]
    assert set(found["gain"]) == {"gain", "low", "high", "verdict"}


def test_the_report_resamples_groups_where_rows_are_not_independent():
    members, labels = case(5, (1.0, 0.8), 60, 3)
    copies = np.repeat(np.arange(60), 8)
    fitting = Fitting(mean, named(members[:, copies]), labels[copies], copies % 5)
    narrow, wide = (examine(fitting, LOG_LOSS, groups) for groups in (None, copies))
    for part in (lambda found: found["gain"], lambda found: found["members"][0]["contribution"]):
        widths = [part(found)["high"] - part(found)["low"] for found in (narrow, wide)]
        assert 2 < widths[1] / widths[0] < 4  # √8 = 2.8
