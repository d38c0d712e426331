"""The space of a search: how it is written, and what is refused."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as some

from harness.recipes import FeatureRegression, LogisticRegression, Network
from harness.recipes import space as spaces
from harness.recipes.space import Choice, Range
from harness.utils.errors import UserError
from tests.conftest import declared

PIXELS = LogisticRegression(size=(8, 8))
LITE = FeatureRegression(backbone="efficientnet-lite0")
NET = Network(network="minivggnet", size=(32, 32), epochs=12, learning_rate=0.1)

names = some.sampled_from(["c", "side", "iterations", "tta", "epochs"])
numbers = some.floats(-1e6, 1e6).map(lambda value: float(f"{value:g}"))
ranges = some.builds(
    lambda name, ends, log: Range(name, min(ends), max(ends), log and min(ends) > 0),
    names,
    some.tuples(numbers, numbers).filter(lambda ends: ends[0] != ends[1]),
    some.booleans(),
)
words = some.sampled_from(["1", "0.5", "sgd", "(32,32)", "None", "'a,b'", "[1,2]", "True"])
choices = some.builds(
    lambda name, values: Choice(name, tuple(values)), names, some.lists(words, min_size=1, unique=True)
)


@given(some.lists(ranges | choices, min_size=1, max_size=4, unique_by=lambda axis: axis.name))
def test_what_is_written_is_what_is_read(axes):
    assert spaces.parse(", ".join(map(str, axes))) == tuple(axes)


@given(ranges, some.floats(0, 1))
def test_a_tried_number_has_few_digits_and_stays_between_the_bounds(axis, share):
    value = axis.low + share * (axis.high - axis.low)
    typed = float(axis.text(value))
    assert axis.low <= typed <= axis.high
    assert typed == pytest.approx(value, rel=0.5 * 10 ** (1 - spaces.DIGITS), abs=1e-300) or typed in (
        axis.low,
        axis.high,
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names no setting"),
        ("c", "NAME=LOW..HIGH"),
        ("c=", "NAME=LOW..HIGH"),
        ("c=0.1", "NAME=LOW..HIGH"),
        ("c=1..2:lin", "NAME=LOW..HIGH"),
        ("c=1..", "between two numbers"),
        ("c=nan..1", "between two numbers"),
        ("c=1..inf", "between two numbers"),
        ("c=2..1", "the lower bound of a range comes first"),
        ("c=1..1", "the lower bound of a range comes first"),
        ("c=0..1:log", "above 0"),
        ("c=[]", "nothing to choose from"),
        ("c=[1,2", "'[' is not closed"),
        ("c=1..2],side=[3]", "']' closes nothing"),
        ("c=['1,2]", '"\'" is not closed'),
        ("c=1..2,c=[3]", "names c twice"),
    ],
)
def test_what_is_not_of_the_form_is_told(text: str, said: str):
    with pytest.raises(UserError, match="--space") as refused:
        spaces.parse(text)
    assert said in refused.value.what and refused.value.fix


@pytest.mark.parametrize(
    ("recipe", "text", "said"),
    [
        (LITE, "sides=[160,224]", "Did you mean side"),
        (LITE, "learning_rate=1e-4..1", "no such setting"),
        (LITE, "side=[160,big]", "a whole number or None is wanted. Received: 'big'"),
        (LITE, "side=1.5..3.5", "a whole number or None is wanted"),
        (LITE, "precision=[float32,float8]", "one of float32, bfloat16 is wanted"),
        (LITE, "backbone=1..2", "backbone is no number"),
        (LITE, "seed=1..100", "the best seed is luck"),
        (PIXELS, "folds=[1,2]", "other folds are other rows"),
    ],
)
def test_what_the_recipe_does_not_take_is_told(recipe, text: str, said: str):
    with pytest.raises(UserError) as refused:
        spaces.declared(text, "one", recipe, "the space of 'one'")
    assert said in refused.value.what and refused.value.what.startswith("the space of 'one'")


def test_values_that_can_never_go_are_refused_and_those_that_go_with_others_are_not():
    def check(recipe, text: str) -> None:
        spaces.check(spaces.declared(text, "one", recipe), "one", recipe, declared())

    with pytest.raises(UserError, match=r"--space c=-1..1: .*c must be one or more numbers above 0"):
        check(LITE, "c=-1..1")
    with pytest.raises(UserError, match=r"backbone must be one or more of .*lite0.*: backbone='efficientnet-lite9'"):
        check(LITE, "backbone=[efficientnet-lite0,efficientnet-lite9]")
    check(NET, "size=[(32,32),(64,64)],crop=[(28,28),(56,56)]")  # the larger crop goes with the larger size alone
    with pytest.raises(UserError, match="crop"):
        check(NET, "size=[(32,32),(48,48)],crop=[(28,28),(56,56)]")


def test_a_range_of_a_whole_setting_is_of_whole_numbers():
    (epochs, rate) = spaces.declared("epochs=5..20,learning_rate=1..2", "net", NET)
    assert epochs.whole and not rate.whole
    assert spaces.changed("net", NET, {"epochs": epochs.text(7.4)}).epochs == 7
    assert spaces.changed("one", LITE, {"c": "0.0123"}).c == (0.0123,)


def test_the_recipes_own_settings_are_found_in_the_space():
    def own(recipe, text: str):
        return spaces.point_of(spaces.declared(text, "one", recipe), "one", recipe)

    assert own(PIXELS, "c=0.1..10:log,iterations=[100,200]") == {"c": 1.0, "iterations": "200"}
    assert own(PIXELS, "c=2..10") is None
    assert own(LITE, "c=0.1..10") is None, "several C are no point"
    assert own(dataclasses.replace(LITE, c=(0.5,)), "c=0.1..10,side=[None,96]") == {"c": 0.5, "side": "None"}
    assert own(NET, "size=[(16,16),(32,32)],flip=[True,False]") == {"size": "(32,32)", "flip": "False"} | (
        {} if NET.flip is False else {"flip": "True"}
    )


def test_points_are_counted_where_they_can_be():
    space = spaces.declared("epochs=5..7,optimizer=[sgd,adam]", "net", NET)
    assert spaces.size(space) == 6
    tried = [tuple(point.values()) for point in spaces.points(space)]
    assert len(set(tried)) == 6 and (6, "adam") in tried
    assert spaces.size(spaces.declared("epochs=5..7,learning_rate=0.1..1", "net", NET)) is None
