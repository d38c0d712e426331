"""Which recipes a command asks for, and which of them its settings are for."""

from __future__ import annotations

import pytest

from harness.pipeline.selection import choose
from harness.recipes import Blend, FeatureRegression, LogisticRegression
from harness.utils.errors import UserError
from tests.conftest import declared

RECIPES = {
    "pixels": LogisticRegression(size=(8, 8), c=0.1),
    "features": FeatureRegression(backbone="efficientnet-lite0", side=64),
    "small": FeatureRegression(backbone="efficientnet-lite0", side=32),
    "blend": Blend(of=("pixels", "small")),
}


def chosen(requested: str, *assignments: str):
    return choose(declared(), RECIPES, [requested], list(assignments))


def test_a_setting_that_recipes_have_in_different_forms_is_for_the_chosen_ones():
    assert chosen("features", "c=0.1,1")["features"].c == (0.1, 1.0)
    assert chosen("pixels", "c=2")["pixels"].c == 2.0
    with pytest.raises(UserError, match=r"--set c: a number is wanted. Received: '0.1,1'"):
        chosen("pixels", "c=0.1,1")


def test_members_that_settings_name_get_the_others_too():
    found = chosen("blend", "blend.of=features,small", "c=0.1,1")
    assert [*found] == ["features", "small", "blend"] and found["features"].c == found["small"].c == (0.1, 1.0)
    with pytest.raises(UserError, match="a number is wanted"):
        chosen("blend", "c=0.1,1")  # of which the pixels are


@pytest.mark.parametrize(
    ("requested", "assignment", "words"),
    [
        ("features", "iterations=3", "no such setting"),  # which only the pixels have
        ("features", "sid=3", "Did you mean side"),
        ("blend", "blend.of=pixel", "no recipe 'pixel'"),
        ("features", "pixels.c=1", "no recipe 'pixels' here"),
        ("features", "side", "takes key=value"),
    ],
)
def test_a_setting_that_fits_none_of_the_chosen_is_refused(requested, assignment, words):
    with pytest.raises(UserError, match=words):
        chosen(requested, assignment)
