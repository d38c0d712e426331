"""Repeats of a recipe: the same settings, seeds of their own, and no name that means nothing."""

from __future__ import annotations

import dataclasses

import pytest

from harness.recipes import LogisticRegression, seeds
from harness.recipes.seeds import lookup
from harness.utils.errors import UserError
from harness.utils.workspace import Workspace
from tests.conftest import RECIPES, edit, pipeline

PIXELS = LogisticRegression(size=(8, 8), seed=7)


def test_repeats_differ_in_their_seeds_alone_and_in_those_of_all_their_folds():
    assert seeds("pixels", 3) == ("pixels", "pixels@2", "pixels@3")
    found = [lookup({"pixels": PIXELS}, name) for name in seeds("pixels", 3)]
    assert found[0] == PIXELS and {dataclasses.replace(one, seed=7) for one in found} == {PIXELS}
    drawn = {one.seed + fold for one in found for fold in range(50)}
    assert len(drawn) == 150


@pytest.mark.parametrize(
    "name", ["other", "other@2", "pixels@", "pixels@1", "pixels@0", "pixels@two", "pixels@2@2", "@2"]
)
def test_a_name_that_means_nothing_is_nothing(name):
    assert lookup({"pixels": PIXELS}, name) is None


@pytest.fixture
def repeated(insects: Workspace) -> Workspace:
    text = RECIPES.replace('of=("coarse", "fine")', 'of=seeds("fine", 3)').replace(
        "import Blend,", "import seeds, Blend,"
    )
    (insects.competition("insects") / "recipes.py").write_text(text)
    return insects


def test_repeats_take_the_settings_of_what_they_repeat(repeated: Workspace):
    chosen = pipeline(repeated, "fine.c=0.7", "seed=5").artifacts.choose([])
    assert [*chosen] == ["fine", "fine@2", "fine@3", "blend"]
    assert [(chosen[name].c, chosen[name].seed) for name in seeds("fine", 3)] == [(0.7, 5), (0.7, 1005), (0.7, 2005)]
    assert [*pipeline(repeated).artifacts.choose(["fine@9"])] == ["fine@9"]


def test_a_blend_of_repeats_is_made(repeated: Workspace):
    made = pipeline(repeated)
    made.perform(made.artifacts.choose([]), submit="blend")
    assert {"fine", "fine@2", "fine@3", "blend", "submission"} <= set(made.took)
    assert len({made.artifacts.run_of(name).folder for name in seeds("fine", 3)}) == 3


def test_a_repeat_of_what_is_not_there_is_refused(repeated: Workspace):
    with pytest.raises(UserError, match="no recipe 'fin@2'"):
        pipeline(repeated).artifacts.choose(["fin@2"])
    file = repeated.competition("insects") / "recipes.py"
    edit(file, 'seeds("fine", 3)', '("fine", "fin@2")')
    with pytest.raises(UserError, match="names a member 'fin@2'"):
        pipeline(repeated)
