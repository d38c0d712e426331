"""Mistakes in declarations: values of wrong types are refused with their setting, odd ones never crash."""

from __future__ import annotations

import dataclasses
import math
import random
import types
import typing
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin

import pytest

from harness import recipes as kinds
from harness.competition import Competition
from harness.data import readers
from harness.data.folds import HoldOut, KFold
from harness.data.readers.reader import Reader
from harness.plugins import loading
from harness.recipes.recipe import Recipe
from harness.scoring.submission_format import SubmissionFormat
from harness.utils.errors import UserError
from tests.hostile.suite.tally import Tally, close

# As Python; what each is decides whether it fits.
VALUES = [
    "'no'", "''", "'0.1'", "'cosine'", "'nonsense'", "True", "None", "0", "-1", "3", "5.5", "0.1", "-0.5", "10**30",
    "1e308", "float('nan')", "float('inf')", "()", "(1,)", "(1, 2)", "('a', 'b')", "('a', 1)", "(32, 32)", "(0, 0)",
    "[1, 2]", "{}", "{'a': 1}", "b'x'", "object()", "print", "int", "...", "1j", "lambda: 1", "(-3, 4)", "((1, 0.1),)",
    "'x' * 9999",
]  # fmt: skip
USUAL = {
    "Network": "network='minivggnet', size=(32, 32), epochs=2, learning_rate=0.1",
    "LogisticRegression": "size=(6, 6)",
    "FeatureRegression": "backbone='efficientnet-lite0'",
    "FineTune": "backbone='efficientnet-lite0', size=(32, 32), unfreeze=1, epochs=2, learning_rate=0.1",
    "Blend": "of=('other', 'another')",
    "HillClimb": "of=('other', 'another')",
    "Stacked": "of=('other', 'another')",
    "Soup": "of=('other', 'another')",
    "Calibrated": "of='other'",
    "Thresholded": "of='other'",
}
RECIPES = """from harness.recipes import *
@recipe
def other():
    return LogisticRegression(size=(6, 6))
@recipe
def another():
    return LogisticRegression(size=(7, 7))
@recipe
def tried():
    return {made}
default = tried
"""
NAMES = {one.__name__: one for one in (HoldOut, KFold, Reader, SubmissionFormat, Recipe)}


def fits(value: Any, hint: Any) -> bool | None:
    """Whether a value is of a type; None where that is a matter of taste. Shares no code with the harness's check."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        found = [fits(value, arg) for arg in args]
        return True if True in found else (None if None in found else False)
    if origin is Literal:
        return value in args and type(value) in {type(arg) for arg in args}
    if hint is bool or hint is str or hint is int:
        return type(value) is hint
    if hint is float:
        return type(value) in (int, float) and math.isfinite(value)
    if hint is type(None):
        return value is None
    if origin is tuple:
        if type(value) is not tuple:
            return False
        of = [args[0]] * len(value) if args[-1:] == (...,) else args
        inside = [fits(one, arg) for one, arg in zip(value, of, strict=False)]
        return len(of) == len(value) and (False not in inside) and (None if None in inside else True)
    if isinstance(hint, type) and hint.__module__.startswith("harness"):
        return None if isinstance(value, types.FunctionType) or not isinstance(hint, type) else False
    return None


def settings() -> Iterator[tuple[str, str, Any]]:
    """Every setting of every kind of declaration: the class, the setting, its type."""
    classes: list[Any] = [getattr(kinds, name) for name in USUAL]
    for kind in [*classes, Competition, SubmissionFormat, KFold, HoldOut, readers.ClassFolders, readers.Table]:
        hints = typing.get_type_hints(kind, localns=NAMES)
        for field in dataclasses.fields(kind):
            if field.init and not field.name.startswith("_") and field.name not in ("name", "folder"):
                yield kind.__name__, field.name, hints[field.name]


def declare(workspace: Any, original: str, kind: str, setting: str, value: str) -> None:
    """Write the competition's files with one setting changed."""
    folder = workspace.competition("insects")
    made, text = "LogisticRegression(size=(9, 9))", original
    if kind in USUAL:
        made = f"{kind}(**{{**dict({USUAL[kind]}), {setting!r}: {value}}})"
    elif kind == "Competition":
        text += f"\nimport dataclasses\ncompetition = dataclasses.replace(competition, **{{{setting!r}: {value}}})\n"
    else:
        usual = {"KFold": "k=2", "HoldOut": "part=0.2", "Table": "csv='a.csv', id='id', label='l', path='{id}.jpg'"}
        made_part = f"{kind}(**{{**dict({usual.get(kind, '')}), {setting!r}: {value}}})"
        where = {"KFold": "folds", "HoldOut": "holdout", "SubmissionFormat": "submission"}.get(kind, "readers")
        part = f"({made_part},)" if where == "readers" else made_part
        text += (
            "\nimport dataclasses\nfrom harness.data.readers import *\nfrom harness.data.folds import *\n"
            "from harness.scoring.submission_format import SubmissionFormat\n"
            f"competition = dataclasses.replace(competition, {where}={part})\n"
        )
    (folder / "competition.py").write_text(text)
    (folder / "recipes.py").write_text(RECIPES.format(made=made))


@pytest.fixture
def original(insects) -> str:
    return (insects.competition("insects") / "competition.py").read_text()


def test_declarations(draw: random.Random, insects, original: str, record_property):
    wrong, odd = Tally("declarations of a wrong type"), Tally("declarations of a right type and an odd value")
    every = [(*setting, value) for setting in settings() for value in VALUES]
    for kind, setting, hint, value in draw.sample(every, 1200):
        fitting = fits(eval(value), hint)
        tally, what = (wrong if fitting is False else odd), f"{kind}.{setting}={value} ({hint})"
        declare(insects, original, kind, setting, value)
        with tally.case(what):
            try:
                competition = loading.load(insects, "insects")
                for recipe in loading.recipes(competition)[0].values():
                    recipe.check(competition)
            except UserError as error:
                if fitting is False:
                    tally.expect(setting in error.what, f"{what}: not named in {error.what[:200]}")
                named = any(name in f"{error.what}{error.fix}" for name in ("recipes.py", "competition.py"))
                tally.expect(named, f"{what}: no file in {error.what[:200]}")
                tally.expect(len(error.what) < 3000, f"{what}: {len(error.what)} letters")
            else:
                tally.expect(fitting is not False, f"{what} was taken")
    close(record_property, wrong, odd)
