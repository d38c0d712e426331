"""Settings from the command line: applied by name, checked by type."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import recipes
from harness.recipes import Blend, FeatureRegression, LogisticRegression, Network
from harness.recipes.settings import override, plain, restored
from harness.utils.docstrings import of_settings
from harness.utils.errors import UserError
from harness.utils.files import read_json, write_json
from harness.utils.fingerprint import fingerprint

RECIPES = {
    "pixels": LogisticRegression(size=(8, 8)),
    "net": Network(network="minivggnet", size=(16, 16), epochs=3, learning_rate=0.1),
    "both": Blend(of=("pixels", "net")),
}


@pytest.mark.parametrize(
    ("assignment", "recipe", "setting", "value"),
    [
        ("epochs=20", "net", "epochs", 20),
        ("learning_rate=1e-3", "net", "learning_rate", 0.001),
        ("learning_rate=1", "net", "learning_rate", 1.0),
        ("flip=True", "net", "flip", True),
        ("folds=None", "net", "folds", None),
        ("folds=2", "pixels", "folds", 2),
        ("size=32,24", "net", "size", (32, 24)),
        ("net.size=(32,24)", "net", "size", (32, 24)),
        ("optimizer=adam", "net", "optimizer", "adam"),
        ("tta=ten_crop", "net", "tta", "ten_crop"),
        ("tta=ten_crop+scales", "net", "tta", "ten_crop+scales"),
        ("average=logits", "net", "average", "logits"),
        ("of=net", "both", "of", ("net",)),
        ("of='net','pixels'", "both", "of", ("net", "pixels")),
        ("of=net,pixels", "both", "of", ("net", "pixels")),
    ],
)
def test_a_setting_takes_a_value_of_its_type(assignment, recipe, setting, value):
    found = getattr(override(RECIPES, [assignment])[recipe], setting)
    assert found == value and type(found) is type(value)


def test_a_setting_is_changed_in_every_recipe_that_has_it_or_in_the_one_that_is_named():
    everywhere = override(RECIPES, ["seed=7"])
    assert {recipe.seed for recipe in everywhere.values()} == {7}
    one = override(RECIPES, ["pixels.size=4,4"])
    assert one["pixels"].size == (4, 4) and one["net"] == RECIPES["net"]
    assert RECIPES["pixels"].size == (8, 8)


def test_a_value_that_is_as_declared_changes_no_key():
    declared = {"net": dataclasses.replace(RECIPES["net"], rotation=10, milestones=((1, 1),))}
    for assignment in ("rotation=10", "rotation=10.0", "milestones=((1,1.0),)"):
        assert fingerprint(recipe=override(declared, [assignment])["net"]) == fingerprint(recipe=declared["net"])


def test_the_last_of_several_values_holds():
    assert override(RECIPES, ["epochs=5", "net.epochs=6"])["net"].epochs == 6


@pytest.mark.parametrize(
    ("assignment", "told"),
    [
        ("epoch=20", "epochs"),
        ("epochs", "key=value"),
        ("=3", "key=value"),
        ("nett.epochs=3", "net"),
        ("pixels.epochs=3", "no such setting"),
        ("epochs=many", "a whole number is wanted. Received: 'many'"),
        ("epochs=2.5", "a whole number"),
        ("epochs=True", "a whole number"),
        ("flip=1", "True or False"),
        ("mixed_precision=auto2", "mixed_precision: True or False or auto is wanted. Received: 'auto2'"),
        ("mixed_precision=1", "mixed_precision: True or False or auto is wanted"),
        ("learning_rate=fast", "a number"),
        ("size=3", "values like"),
        ("size=a,b", "values like"),
        ("optimizer=sdg", "one of sgd, rmsprop"),
        ("folds=two", "a whole number or None"),
    ],
)
def test_a_bad_assignment_is_refused_by_name(assignment, told):
    with pytest.raises(UserError) as refused:
        override(RECIPES, [assignment])
    assert told in f"{refused.value.what} {refused.value.fix}"


@given(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(min_size=1))
def test_what_is_typed_is_what_is_set(whole, number, word):
    found = override(RECIPES, [f"epochs={whole}", f"net.learning_rate={number!r}", f"tta={word!r}"])["net"]
    assert (found.epochs, found.learning_rate, found.tta) == (whole, number, word)


@pytest.mark.parametrize(("typed", "value"), [("auto", "auto"), ("true", True), ("True", True), ("false", False)])
def test_yes_and_no_may_be_typed_as_in_other_languages(typed: str, value: bool | str):
    assert override(RECIPES, [f"mixed_precision={typed}"])["net"].mixed_precision is value


def test_plain_settings_name_the_kind_and_every_field():
    settings = {"seed": 42, "of": ("pixels", "net"), "enough": 2, "how": "mean", "weights": None}
    assert plain(RECIPES["both"]) == {"kind": "Blend"} | settings


@pytest.mark.parametrize(
    ("assignment", "told"),
    [
        ("view=hflip", "Did you mean average ("),
        ("views=hflip", "or tta (the views whose answers are averaged"),
        ("backbon=x", "Did you mean backbone?"),
        ("zzzz=1", "Known: "),
    ],
)
def test_a_setting_that_is_not_there_is_told_with_what_may_have_been_meant(assignment: str, told: str):
    with pytest.raises(UserError) as error:
        override({"lite": FeatureRegression(backbone="efficientnet-lite0")}, [assignment])
    assert told in error.value.what and "tta" in (error.value.fix or "")


def test_a_wrong_value_is_told_with_the_settings_own_words():
    with pytest.raises(UserError) as error:
        override({"lite": FeatureRegression(backbone="efficientnet-lite0")}, ["storage=float12"])
    assert "one of float16, float32 is wanted" in error.value.what or "one of float32, float16" in error.value.what
    assert (error.value.fix or "").startswith("storage: of the cached features")


def test_every_setting_of_every_recipe_is_described():
    from harness import recipes

    kinds = [kind for kind in vars(recipes).values() if isinstance(kind, type)]
    missing = {
        f"{kind.__name__}.{field.name}"
        for kind in kinds
        for field in dataclasses.fields(kind)
        if field.name not in of_settings(kind)
    }
    assert missing == set()


# Settings in the record of a run.

KINDS = {name: kind for name, kind in vars(recipes).items() if isinstance(kind, type)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Renamed(FeatureRegression):
    """A class that the harness does not know."""


@pytest.mark.parametrize(
    "recipe",
    [
        FeatureRegression(backbone="resnet50", layers=("conv5", -2), c=(0.1, 1.0), side=96),
        Network(
            network="resnet", size=(32, 48), epochs=2, learning_rate=1, milestones=((1, 1),), schedule="steps", zoom=0.0
        ),
        Blend(of=("a", "b"), weights=(1.0, 2.0)),
    ],
)
def test_settings_come_back_from_a_record_as_they_were(recipe, tmp_path: Path):
    write_json(tmp_path / "run.json", plain(recipe))
    found = restored(read_json(tmp_path / "run.json") or {}, KINDS)
    assert found == recipe and fingerprint(recipe=found) == fingerprint(recipe=recipe)


def test_a_record_with_what_there_is_not_any_more_is_refused():
    with pytest.raises(UserError, match="class Renamed"):
        restored(plain(Renamed(backbone="resnet50")), KINDS)
    with pytest.raises(UserError, match="blur=3"):
        restored(plain(Blend(of=("a",))) | {"blur": 3}, KINDS)


def test_a_record_from_before_mixed_precision_is_of_a_run_in_float32():
    settings = plain(RECIPES["net"])
    assert settings.pop("mixed_precision") == "auto"
    found = restored(settings, KINDS)
    assert found.mixed_precision is False
    assert fingerprint(recipe=found) == fingerprint(recipe=dataclasses.replace(RECIPES["net"], mixed_precision=False))
