"""Intervals of proportions against SciPy's, and how often they hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from harness.scoring.metrics import METRICS, wilson
from harness.scoring.metrics.proportion import effective_size, of_hits


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_is_wilsons(case):
    hits, n = case
    found, expected = wilson(hits, n), binomtest(hits, n).proportion_ci(method="wilson")
    assert found.score == hits / n and found.how == "Wilson"
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= found.low <= found.score <= found.high <= 1 and found.low < found.high


def test_a_perfect_score_of_few_images_is_not_sure():
    assert str(of_hits(np.ones(68))) == "1.0000 (0.9465 to 1.0000)"
    assert str(of_hits(np.zeros(68))) == "0.0000 (0.0000 to 0.0535)"
    labels = np.arange(68) % 4
    right = np.eye(4)[labels]
    for name in ("accuracy", "micro_f1", "top3_accuracy", "top5_accuracy"):
        assert METRICS[name].interval(labels, right).low == pytest.approx(0.9465, abs=1e-4)
    assert METRICS["error"].interval(labels, right).high == pytest.approx(0.0535, abs=1e-4)
    assert METRICS["map@3"].interval(labels, right).how == METRICS["log_loss"].interval(labels, right).how != "Wilson"


def test_rows_of_one_group_count_less():
    alone = of_hits(np.ones(60), np.arange(60))
    assert alone == of_hits(np.ones(60))
    by_six = of_hits(np.ones(60), np.repeat(np.arange(10), 6))
    assert by_six.low == pytest.approx(wilson(10, 10).low)
    # Groups that are right or wrong as a whole are worth one row each; rows dealt out evenly are worth all.
    whole = np.repeat(np.arange(40) % 4 > 0, 5).astype(float)
    assert effective_size(whole, np.repeat(np.arange(40), 5)) == pytest.approx(39, abs=1e-9)
    assert effective_size(np.tile([1.0, 1, 1, 0], 10), np.repeat(np.arange(10), 4)) == 40


def test_the_interval_of_groups_holds_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(3)
    groups, held = np.repeat(np.arange(40), 6), 0
    for _ in range(400):
        shares = random.beta(9 * 0.5, 1 * 0.5, 40)  # of mean 0.9, far apart
        found = of_hits((random.random(240) < shares[groups]).astype(float), groups)
        held += found.low <= 0.9 <= found.high
    assert 0.92 <= held / 400 <= 0.99
