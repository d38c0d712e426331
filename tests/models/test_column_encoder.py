"""Columns as features: the same as scikit-learn's encoders make of them, whatever is missing or unknown."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from harness.data.columns import NO_NUMBER, Columns, matching, numbers_of
from harness.models.column_encoder import RARE, ColumnEncoder, fit
from harness.utils.errors import UserError

NUMBERS = st.sampled_from(["", "na", "NaN", "-1.5", "0", "3", "1e3", "40"])
PLACES = st.sampled_from(["", "arm", "leg", "LEG", "é ,", "mars"])


def columns(rows: list[tuple[str, str]]) -> Columns:
    age, place = (np.array([row[at] for row in rows], dtype="U12") for at in (0, 1))
    return Columns({"age": age, "place": place}, ("age",))


def by_sklearn(train: Columns, other: Columns) -> np.ndarray:
    """Numbers standardised, then the means filled in; a mark of missing ones; a column a category."""

    def frame(of: Columns) -> pd.DataFrame:
        ages = [np.nan if cell.lower() in NO_NUMBER else float(cell) for cell in of.cells["age"].tolist()]
        return pd.DataFrame({"age": np.array(ages, float), "place": of.cells["place"].astype(object)})

    known = frame(train)["age"].dropna()
    imputer = SimpleImputer(strategy="mean", keep_empty_features=True)
    steps = [("age", make_pipeline(StandardScaler(), imputer), ["age"])]
    if len(known) < len(train.cells["age"]):
        steps.append(("missing", MissingIndicator(error_on_new=False), ["age"]))
    one_hot = OneHotEncoder(min_frequency=RARE, handle_unknown="infrequent_if_exist", sparse_output=False)
    steps.append(("place", one_hot, ["place"]))
    return ColumnTransformer(steps).fit(frame(train)).transform(frame(other))


@given(st.lists(st.tuples(NUMBERS, PLACES), min_size=1, max_size=60), st.lists(st.tuples(NUMBERS, PLACES), min_size=1))
@settings(max_examples=25)
@pytest.mark.filterwarnings("ignore")
def test_features_are_those_of_scikit_learn(train_rows, other_rows):
    train, other = columns(train_rows), columns(other_rows)
    # Of a column without any number nothing is learned: its feature is constant in training.
    assume(any(cell.lower() not in NO_NUMBER for cell, _ in train_rows))
    encoder = ColumnEncoder.of_json(json.loads(json.dumps(fit(train).as_json())))
    found = encoder.encode(other)
    assert found.dtype == np.float32 and found.shape == (len(other_rows), encoder.width)
    np.testing.assert_allclose(found, by_sklearn(train, other), atol=1e-5)
    # Row by row the same, so that it does not matter with which others an image comes.
    alone = [encoder.encode(other.of(np.array([row]))) for row in range(len(other_rows))]
    np.testing.assert_array_equal(np.concatenate(alone), found)


def test_large_numbers_keep_their_differences():
    """Seconds since 1970 differ by less than float32 tells apart."""
    seconds = columns([(str(1_600_000_000 + number), "") for number in range(20)])
    found = fit(seconds).encode(seconds)[:, 0]
    np.testing.assert_allclose(np.diff(found), np.full(19, 1 / np.arange(20).std()), rtol=1e-5)


def test_what_is_no_number_and_what_is_missing_is_told():
    with pytest.raises(UserError, match="column 'age' holds 2 cells that are not finite numbers: 'old', 'inf'"):
        numbers_of("age", ["1", "old", "inf", ""])
    with pytest.raises(UserError, match="not finite"):
        numbers_of("age", ["1_000"])
    encoder = fit(columns([("1", "arm")]))
    with pytest.raises(UserError, match="without the columns place") as told:
        encoder.encode(Columns({"age": np.array(["1"])}))
    assert "path,age,place" in str(told.value.fix)


@given(st.lists(st.text(max_size=4), unique=True), st.lists(st.text(max_size=4), max_size=2))
def test_a_star_stands_for_any_text(names: list[str], patterns: list[str]):
    def fits(pattern: str, name: str) -> bool:
        """By taking the pattern apart, letter by letter."""
        if not pattern:
            return not name
        if pattern[0] == "*":
            return any(fits(pattern[1:], name[start:]) for start in range(len(name) + 1))
        return bool(name) and name[0] == pattern[0] and fits(pattern[1:], name[1:])

    wanted = [name for name in names if any(fits(pattern, name) or pattern == name for pattern in patterns)]
    if all(any(fits(pattern, name) or pattern == name for name in names) for pattern in patterns):
        assert matching(patterns, names, "") == wanted
    else:
        with pytest.raises(UserError):
            matching(patterns, names, "none of {name}")
