"""What a data set has too little of."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data.dataset import Dataset
from harness.data.folds import Folds
from harness.data.quality.minorities import held_by_few, minorities
from harness.data.targets import Multilabel, Regression
from harness.report.data_check import _of_minorities, advice_on_folds
from tests.conftest import table


def of(labels: np.ndarray, **changes) -> Dataset:
    return Dataset(
        **vars(table(None, np.arange(len(labels)) % 4, ["train"] * len(labels))) | {"labels": labels} | changes
    )


def test_small_classes_and_classes_that_one_group_holds():
    labels = np.array([0] * 4 + [1] * 10 + [2] * 10 + [3] * 5)
    groups = np.arange(29)
    groups[4:10] = 900  # six of the ten of the second class
    found = minorities(of(labels, groups=groups, grouped=True))
    assert found == {"few": {"a": 4}, "never_together": [], "held": {"b": 0.6}}
    told = " ".join(_of_minorities(found))
    assert (
        "1 class has fewer than 5 training images" in told
        and "Of 1 class one group" in told
        and "a 4" in told
        and "b 60%" in told
    )
    assert minorities(of(labels, groups=groups))["held"] == {}  # copies, not groups of the organiser's
    held_out = np.array(["train"] * 20 + ["holdout"] * 9)
    assert minorities(of(labels, splits=held_out))["few"] == {"a": 4, "d": 0}


@given(st.integers(0, 999), st.floats(0.05, 0.6))
def test_labels_that_never_meet(seed: int, rate: float):
    marks = (np.random.default_rng(seed).random((60, 4)) < rate).astype(np.int8)
    marks[marks[:, 0] == 1, 2] = 0
    found = minorities(of(marks, targets=Multilabel()))
    wanted = []
    for one, other in itertools.combinations(range(4), 2):
        expected = sum(marks[:, one].tolist()) * sum(marks[:, other].tolist()) / 60
        if expected >= 5 and not any(row[one] and row[other] for row in marks.tolist()):
            wanted.append(["abcd"[one], "abcd"[other], round(expected, 1)])
    assert sorted(found["never_together"]) == sorted(wanted)
    if wanted:
        told = " ".join(_of_minorities(found, "label", "labels"))
        one = "1 pair of labels never occurs together (a and c, by chance"
        assert one in told if len(wanted) == 1 else f"{len(wanted)} pairs of labels never occur together" in told


@pytest.mark.parametrize(
    ("assignment", "found"),
    [
        ([0, 1, 0, 1, 0, 1], []),
        ([0, 0, 1, 1, 0, 1], [("rare", 2, 1, True)]),
        ([0, -1, 1, 1, 0, 1], [("rare", 2, 1, False)]),
        ([-1, -1, 1, 1, 0, 1], [("rare", 2, 0, False)]),
        ([0, -1, 0, -1, -1, -1], []),  # a single split
        ([0, 0, 0, -1, -1, -1], [("rare", 2, 1, True)]),
    ],
)
def test_labels_that_few_folds_hold(assignment: list[int], found: list[tuple]):
    marks = np.array([[1, 1, 0], [1, 1, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0], [0, 0, 0]], np.int8)
    made = of(marks, targets=Multilabel(), classes=("common", "rare", "absent"))
    once = Folds(made.ids, np.array(assignment)[:, None])
    twice = Folds(made.ids, np.stack([[0, 1, 0, 1, 0, 1], assignment], axis=1))
    for folds in (once, twice) if max(assignment) else (once,):
        assert [tuple(one.values()) for one in held_by_few(made, folds)] == found
    told = " ".join(advice_on_folds(held_by_few(made, once)))
    assert ("1 label is in too few folds for an honest score (rare, 2 images: " in told) is bool(found)
    assert ("trains on none" in told) is any(lost for *_, lost in found)
    assert held_by_few(of(np.arange(6) % 2), once) == []


def test_of_numbers_nothing_is_said():
    found = minorities(of(np.arange(30.0), targets=Regression(), classes=("value",)))
    assert not any(found.values()) and _of_minorities(found) == []
