"""Mistakes in what a competition declares: told with file, line, setting, what is allowed and what was received."""

from __future__ import annotations

import pytest

from harness.plugins import loading
from harness.utils.errors import UserError
from tests.conftest import CHECKOUT, Workspace

NETWORK = "Network(network='minivggnet', size=(32, 32), epochs=2, learning_rate=0.1, {})"
REGRESSION = "LogisticRegression(size=(6, 6), {})"
WRONG_RECIPES = [
    (REGRESSION.format("c='0.1'"), "LogisticRegression: c must be a number. Received: c='0.1'"),
    (REGRESSION.format("c=float('nan')"), "c must be a number"),
    (REGRESSION.format("iterations=5.5"), "iterations must be a whole number. Received: iterations=5.5"),
    (REGRESSION.format("max_samples=True"), "max_samples must be a whole number or None"),
    (REGRESSION.format("seed=None"), "seed must be a whole number. Received: seed=None"),
    ("LogisticRegression(size=32)", "size must be values like 32,32. Received: size=32"),
    ("LogisticRegression(size=[6, 6])", r"size must be values like 32,32. Received: size=\[6, 6\]"),
    ("LogisticRegression(size=(6, 6, 3))", "size must be values like 32,32"),
    (REGRESSION.format("cc=1.0"), "unexpected keyword argument 'cc'. Did you mean c"),
    (NETWORK.format("optimizer='adamm'"), "Did you mean 'adam'?"),
    (NETWORK.format("schedule='cos'"), "schedule must be one of constant, .*cosine"),
    (NETWORK.format("flip='no'"), "flip must be True or False or alternating. Received: flip='no'"),
    (NETWORK.format("milestones=((1, '0.1'),)"), "milestones must be"),
    ("Blend(of='one')", "of must be values like name.*Received: of='one'"),
    ("None", "must return a recipe. Received: None. Is its `return` missing?"),
    ("Network", "must return a recipe"),
    ("5", "must return a recipe. Received: 5"),
]
WRONG_COMPETITIONS = [
    ("folds=KFold(2)", "folds=5", "folds must be a KFold. Received: folds=5"),
    ("folds=KFold(2)", "folds=KFold('2')", "KFold: k must be a whole number. Received: k='2'"),
    ("folds=KFold(2)", "folds=KFold", "a class, not one of its instances"),
    ("holdout=HoldOut(0.2)", "holdout=0.2", "holdout must be a HoldOut or None. Received: holdout=0.2"),
    ("holdout=HoldOut(0.2)", "holdout=HoldOut('a')", "HoldOut: part must be a number"),
    ('readers=(ClassFolders(test="test"),)', "readers=ClassFolders()", "readers must be values like Reader"),
    ('readers=(ClassFolders(test="test"),)', "readers=(ClassFolders,)", "readers must be"),
    ('readers=(ClassFolders(test="test"),)', "readers=(ClassFolders(test=5),)", "ClassFolders: test must be a word"),
    ("submission=SubmissionFormat(", "submission=dict(", "submission must be a SubmissionFormat"),
    ("submission=SubmissionFormat(", "submission=SubmissionFormat(separator=5, ", "separator must be a word"),
    ("submission=SubmissionFormat(", "submission=SubmissionFormat(decimals='6', ", "decimals must be a whole number"),
    ("hflip_safe=True", "hflip_safe='no'", "hflip_safe must be True or False. Received: hflip_safe='no'"),
    ("hflip_safe=True", "hflip_saef=True", "Did you mean hflip_safe"),
    ('metric="accuracy"', "metric=None", "metric must be a word"),
]


@pytest.mark.parametrize(("made", "told"), WRONG_RECIPES)
def test_a_mistake_in_a_recipe_is_told_with_its_line(insects, made, told):
    path = insects.competition("insects") / "recipes.py"
    lines = ["from harness.recipes import *", "", "@recipe", "def one():", f"    return {made}", "", "default = one"]
    path.write_text("\n".join(lines))
    with pytest.raises(UserError, match=told) as refused:
        loading.recipes(loading.load(insects, "insects"))
    line = 4 if "must return" in told else 5
    assert refused.value.what.startswith(f"{path}, line {line}: ")


@pytest.mark.parametrize(("right", "wrong", "told"), WRONG_COMPETITIONS)
def test_a_mistake_in_a_competition_is_told_with_its_line(insects, right, wrong, told):
    path = insects.competition("insects") / "competition.py"
    lines = path.read_text().splitlines()
    (number,) = [number for number, line in enumerate(lines, 1) if right in line]
    path.write_text("\n".join(lines).replace(right, wrong))
    with pytest.raises(UserError, match=told) as refused:
        loading.load(insects, "insects")
    first = (
        number
        if "unexpected" not in refused.value.what
        else next(at for at, line in enumerate(lines, 1) if line.startswith("competition = "))
    )
    assert refused.value.what.startswith(f"{path}, line {first}: ")


def test_every_setting_of_the_projects_own_competitions_is_of_its_type():
    for name in loading.names(Workspace(CHECKOUT)):
        assert loading.recipes(loading.load(Workspace(CHECKOUT), name))[0]


def test_what_an_editor_leaves_in_a_competitions_folder_is_no_code(insects: Workspace):
    folder = insects.competition("insects")
    (folder / ".#recipes.py").symlink_to("user@host.1")
    (folder / "old.py").mkdir()
    (found,) = loading.load_all(insects)
    assert found.name == "insects" and not isinstance(found, loading.Broken)
