"""Averages: what they are, whatever their members' order, and what they are of equal members."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from harness.ensembles import kept
from harness.ensembles.combine import AVERAGES, Average, averaged
from harness.utils.errors import UserError
from tests.ensembles.cases import CASES

MEMBERS = np.array(
    [[[0.6, 0.3, 0.1], [0.2, 0.7, 0.1]], [[0.1, 0.5, 0.4], [0.3, 0.6, 0.1]], [[0.5, 0.1, 0.4], [0.8, 0.1, 0.1]]]
)


def average(how: str, *weights: float, members=MEMBERS) -> np.ndarray:
    return Average(np.array(weights or np.ones(len(members))), how)(members)


@given(CASES, st.sampled_from([*AVERAGES]), st.data())
def test_rows_sum_to_one_and_the_order_of_members_and_rows_never_matters(found, how, data):
    members, _ = found
    weights = np.array(data.draw(st.lists(st.floats(0.1, 5), min_size=len(members), max_size=len(members))))
    order = np.array(data.draw(st.permutations(range(len(members)))))
    rows = np.array(data.draw(st.permutations(range(members.shape[1]))))
    first = Average(weights, how)(members)
    assert np.allclose(first.sum(axis=1), 1) and (first >= 0).all()
    assert np.allclose(Average(weights[order], how)(members[order][:, rows]), first[rows])
    assert sum(Average(weights, how).about()["weights"]) == pytest.approx(1)


@given(CASES, st.sampled_from(["mean", "geometric"]), st.integers(1, 4))
def test_a_blend_of_equal_members_is_the_member(found, how, copies):
    member = found[0][0]
    assert np.allclose(average(how, members=np.stack([member] * copies)), member, atol=1e-6)


@given(CASES, st.integers(1, 4))
def test_equal_members_agree_in_votes_and_ranks_too(found, copies):
    member = found[0][0]
    assert np.array_equal(average("vote", members=np.stack([member] * copies)).argmax(axis=1), member.argmax(axis=1))
    assert np.allclose(average("rank", members=np.stack([member] * copies)), average("rank", members=member[None]))


def test_each_average_is_what_it_is_called():
    assert np.allclose(average("mean"), MEMBERS.mean(axis=0))
    assert np.allclose(average("mean", 2, 1, 1), (2 * MEMBERS[0] + MEMBERS[1] + MEMBERS[2]) / 4)
    product = MEMBERS.prod(axis=0) ** (1 / 3)
    assert np.allclose(average("geometric"), product / product.sum(axis=1, keepdims=True))
    assert np.allclose(average("vote"), [[2 / 3, 1 / 3, 0], [1 / 3, 2 / 3, 0]], atol=1e-3)
    assert average("vote", 1, 3, 1)[0].argmax() == 1


def test_what_one_member_rules_out_is_out_of_a_geometric_average_only():
    members = np.array([[[0.0, 1.0]], [[0.9, 0.1]]])
    assert average("geometric", members=members)[0, 0] < 1e-6 < average("mean", members=members)[0, 0]


def test_the_mean_probability_decides_a_tied_vote():
    found = average("vote", members=np.array([[[0.6, 0.4, 0.0]], [[0.0, 0.9, 0.1]], [[0.3, 0.3, 0.4]]]))
    assert found[0].argmax() == 1


def test_ranks_do_not_care_for_a_members_scale():
    random = np.random.default_rng(0)
    sure = random.dirichlet(np.ones(2), 30)
    squeezed = 0.5 + (sure - 0.5) / 1000
    assert np.allclose(average("rank", members=np.stack([sure, squeezed])), average("rank", members=sure[None]))
    ties = np.array([[[0.5, 0.5], [0.5, 0.5], [0.9, 0.1]]])
    assert np.allclose(average("rank", members=ties), [[1.5 / 4, 2.5 / 4], [1.5 / 4, 2.5 / 4], [0.75, 0.25]])


def test_the_average_of_logits_is_the_normalised_geometric_mean():
    logits = np.random.default_rng(0).normal(size=(4, 6, 3))
    members = softmax(logits + np.arange(4)[:, None, None], axis=-1)  # a logit's offset is anybody's
    assert np.allclose(averaged(members, "logits"), softmax(logits.mean(axis=0), axis=-1))
    assert np.allclose(averaged(members, "probabilities"), members.mean(axis=0))
    for of in ("logits", "probabilities"):
        assert np.array_equal(averaged(members[:1], of), members[0])


def test_views_may_count_differently():
    members = np.random.default_rng(0).dirichlet(np.ones(3), size=(3, 6))
    found = averaged(members, "probabilities", weights=(1.0, 0.5, 0.5))
    assert np.allclose(found, (2 * members[0] + members[1] + members[2]) / 4)


def test_ranks_among_images_are_kept_for_no_others(tmp_path: Path):
    kept.write(tmp_path, Average(np.ones(2), "mean"), ("a", "b"))
    assert kept.read(tmp_path)[1] == ("a", "b")
    kept.write(tmp_path, Average(np.ones(2), "rank"), ("a", "b"))
    with pytest.raises(UserError, match="the average of a and b is of ranks among the images of one split"):
        kept.read(tmp_path)
