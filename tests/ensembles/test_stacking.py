"""Stacking learns whom to trust on which class, and is given probabilities back whatever classes it saw."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.ensembles.stacking import stack
from harness.scoring.metrics import METRICS
from tests.ensembles.cases import CASES, case

LOG_LOSS = METRICS["log_loss"]


@given(CASES, st.sampled_from([0.01, 1.0]))
def test_rows_sum_to_one_even_where_a_class_was_never_seen(found, c):
    members, labels = found
    few = labels == labels[0] if c == 1 else labels != labels[0]
    if not few.any():
        return
    probabilities = stack(members[:, few], labels[few], c)(members)
    assert np.allclose(probabilities.sum(axis=1), 1) and np.isfinite(probabilities).all()
    unseen = np.setdiff1d(np.arange(members.shape[2]), labels[few])
    # The members may have seen it in training: its probability is theirs.
    assert np.allclose(probabilities[:, unseen], members.mean(axis=0)[:, unseen], atol=1e-6)


@pytest.mark.parametrize("classes", [2, 4])
def test_it_is_the_logistic_regression_it_says_it_is(classes):
    from sklearn.linear_model import LogisticRegression

    members, labels = case(0, (1.0, 2.0), 200, classes)
    features = np.log(np.concatenate([*members], axis=1).astype(np.float64))
    wanted = LogisticRegression(C=0.5, max_iter=500).fit(features, labels).predict_proba(features)
    assert np.allclose(stack(members, labels, 0.5)(members), wanted, atol=1e-4)


def test_it_learns_which_member_to_trust_on_which_class():
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 1200)
    # Each of three members knows one class when it sees it, and nothing of the two others.
    sight = np.where(labels[None] == np.arange(3)[:, None], 0.85, 0.15) + random.uniform(-0.1, 0.1, (3, 1200))
    members = np.stack([np.insert(np.stack([1 - p, 1 - p], 1) / 2, c, p, axis=1) for c, p in enumerate(sight)])
    train, test = slice(0, 600), slice(600, None)
    stacked = LOG_LOSS.score(labels[test], stack(members[:, train], labels[train], 1.0)(members[:, test]))
    assert stacked < 0.5 * LOG_LOSS.score(labels[test], members[:, test].mean(axis=0))
