"""Kinds of targets: from a reader's labels to the kept table and to arrays, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, softmax

from harness.data.targets import Multiclass, Multilabel, Ordinal, Regression, Targets
from harness.data.targets.links import LINKS
from harness.utils.errors import UserError

NAMES = st.text(st.characters(exclude_categories=("Cs", "Z", "C")), min_size=1, max_size=6)


def read(targets: Targets, labels: list, listed: tuple[str, ...] = (), sampled: tuple[str, ...] = ()):
    """Classes, cells of the kept table, and the array that is read back from these."""
    classes = targets.classes_of(labels, listed, sampled)
    cells = targets.cells(labels, classes, [f"id {row}" for row in range(len(labels))])
    return classes, cells, targets.parse(cells, classes)


@given(st.lists(st.lists(NAMES, max_size=5), min_size=1, max_size=12))
def test_lists_come_back_from_the_table_whatever_the_names(lists: list[list[str]]):
    classes, _, found = read(Multilabel(), [" ".join(names) for names in lists])
    assert set(classes) == {name for names in lists for name in names}
    assert [{classes[number] for number in np.flatnonzero(row)} for row in found] == [set(names) for names in lists]


def test_lists_columns_and_rows_without_labels():
    classes, cells, found = read(Multilabel(separator="|"), ["b 2|a|b 2", "", None, "c"])
    assert classes == ("a", "b 2", "c") and cells == ['["b 2", "a"]', "[]", "", '["c"]']
    assert found.tolist() == [[1, 1, 0], [0, 0, 0], [-1, -1, -1], [0, 0, 1]] and found.dtype == np.int8
    assert Multilabel().is_labelled(found).tolist() == [True, True, False, True]
    classes, _, found = read(Multilabel(), [("rust", "scab"), (), None], ("scab", "rust"))
    assert classes == ("scab", "rust") and found.tolist() == [[1, 1], [0, 0], [-1, -1]]
    assert read(Multilabel(), ["10 9", "9"], sampled=("10", "9"))[0] == ("10", "9")
    assert read(Multilabel(), ["10 9", "9"], sampled=("9",))[0] == ("9", "10")
    assert Multilabel().words(np.array([1, 0, 1]), ("a", "b", "c")) == "a, c"


def test_grades_are_in_their_order():
    assert read(Ordinal(), ["10", "5", "0"], ("0", "10", "5"))[2].tolist() == [2, 1, 0]
    assert read(Ordinal(), ["-1", "2"], ("-1", "-2", "0", "1", "2"))[0] == ("-2", "-1", "0", "1", "2")
    quarters = ("0", "0.25", "0.5", "0.75", "1")
    assert read(Ordinal(), ["0", "1"], quarters)[0] == quarters
    order = ("mild", "bad", "worst")
    classes, _, found = read(Ordinal(order=order), ["worst", "mild"], ("mild", "worst"))
    assert classes == order and found.tolist() == [2, 0]
    # Places would be other distances than those of Kaggle's kappa; whoever says the order knows.
    with pytest.raises(UserError, match=r"the grades 0, 1, 4 are not evenly spaced") as refused:
        read(Ordinal(), ["0", "4"], ("0", "1", "4"))
    assert "targets=Ordinal(order=('0', '1', '4'))" in str(refused.value.fix)
    assert read(Ordinal(order=("0", "1", "4")), ["0", "4"], ("0", "1", "4"))[2].tolist() == [0, 2]
    with pytest.raises(UserError, match=r"not in order=.*: odd"):
        read(Ordinal(order=order), ["odd"], ("odd",))


def test_numbers_are_numbers():
    classes, cells, found = read(Regression(), ["1e3", "-0.25", None, "7"])
    assert classes == ("value",) and cells[2] == ""
    assert np.array_equal(found, [1000, -0.25, np.nan, 7], equal_nan=True)
    for wrong in ("high", "nan", "inf", "1_000", ("a",)):
        with pytest.raises(UserError, match=r"1 labels are not finite numbers \(.* of id 1\)"):
            read(Regression(), ["1", wrong])


def test_several_ones_are_no_class():
    with pytest.raises(UserError, match=r"2 rows do not have exactly one 1 in a, b \(id 0, id 2\)") as refused:
        read(Multiclass(), [("a", "b"), ("b",), ()], ("a", "b"))
    assert "targets=Multilabel()" in refused.value.fix
    with pytest.raises(UserError, match="1 labels are not known"):
        Multilabel().cells(["a z"], ("a",), ["id"])


def test_bins_of_numbers_have_as_many_rows_and_follow_their_order():
    values = np.random.default_rng(0).lognormal(size=400)
    bins = Regression().strata(values)
    assert np.bincount(bins).tolist() == [40] * 10
    assert (np.diff(bins[np.argsort(values)]) >= 0).all()
    assert Regression().strata(np.zeros(100)).tolist() == [0] * 100
    assert np.bincount(Regression().strata(np.arange(50.0))).tolist() == [25, 25]


@given(st.lists(st.floats(-30, 30), min_size=2, max_size=5), st.sampled_from(sorted(LINKS)))
def test_links_go_there_and_back(scores: list[float], name: str):
    link, given_scores = LINKS[name], np.array([scores])
    predictions = link.predictions(given_scores)
    wanted = {"softmax": softmax(given_scores, axis=1), "sigmoid": expit(given_scores), "identity": given_scores}[name]
    assert np.allclose(predictions, wanted)
    assert np.allclose(link.predictions(link.scores(predictions)), predictions, atol=1e-12)
    assert np.allclose(link.normal(predictions), predictions)


def test_what_predictions_say_in_words():
    names = ("a", "b", "c")
    said = {name: link.said(np.array([0.5, 0.2, 0.6], np.float32), names) for name, link in LINKS.items()}
    assert said == {"softmax": "c", "sigmoid": "a, c", "identity": "0.5"}
    assert LINKS["sigmoid"].said(np.zeros(3), names) == "none"
