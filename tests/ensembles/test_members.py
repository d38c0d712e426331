"""Members are joined by id, whatever order they come in; what does not fit is refused with counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.ensembles.members import join
from harness.scoring.predictions import Predictions
from harness.utils.errors import UserError
from tests.ensembles.cases import CASES, tables


@given(CASES, st.randoms(use_true_random=False))
def test_the_order_of_members_and_rows_decides_nothing(found, random):
    one = tables(found[0])
    names = [*one]
    random.shuffle(names)
    other = {}
    for name in names:
        rows = list(range(len(one[name].ids)))
        random.shuffle(rows)
        ids = tuple(one[name].ids[row] for row in rows)
        other[name] = Predictions(ids, one[name].classes, one[name].probabilities[rows])
    first, second = join(one), join(other)
    assert (first.names, first.ids) == (second.names, second.ids)
    assert np.array_equal(first.probabilities, second.probabilities)


def table(ids: str, classes: str = "xy") -> Predictions:
    return Predictions(tuple(ids), tuple(classes), np.full((len(ids), len(classes)), 1 / len(classes), np.float32))


def test_different_rows_are_refused_with_the_counts():
    with pytest.raises(UserError, match=r"different rows: few 2, many 4, other 4; 1 in common"):
        join({"many": table("abcd"), "few": table("ab"), "other": table("efgb")})
    with pytest.raises(UserError, match=r"different rows: one 2, other 2; 1 in common"):
        join({"one": table("ab"), "other": table("bc")})


@pytest.mark.parametrize("classes", ["yx", "xyz"])
def test_different_classes_are_refused(classes):
    with pytest.raises(UserError, match="different classes"):
        join({"one": table("ab"), "other": table("ab", classes)})


def test_members_are_left_out_by_name_and_rows_by_number():
    made = join(tables(np.random.default_rng(0).dirichlet(np.ones(3), (4, 5)).astype(np.float32)))
    rest = made.without("member 001").at(np.array([4, 0]))
    assert rest.names == ("member 000", "member 002", "member 003")
    assert rest.ids == (made.ids[4], made.ids[0])
    assert np.array_equal(rest.probabilities, made.probabilities[[0, 2, 3]][:, [4, 0]])
