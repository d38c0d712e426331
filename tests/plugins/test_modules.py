"""Modules beside a competition's files: found by their names, seen by no other competition, and part of the key."""

from __future__ import annotations

import shutil
import sys

import pytest

from harness.pipeline.graph import Pipeline
from harness.plugins import loading
from harness.utils.errors import UserError
from tests.conftest import edit

RECIPES = """
from dataclasses import dataclass
from harness.recipes import LogisticRegression, recipe
{imports}

@dataclass(frozen=True, kw_only=True)
class Mine(LogisticRegression):
    def fit(self, fold):
        import random  # stays the standard library's, though the folder has one for others

        return super().fit(fold)

@recipe
def mine():
    from numbers_ import later
    return Mine(size=(4, 4), c=helper.C, iterations=later())

default = mine
"""


@pytest.fixture
def helped(insects):
    """A competition whose recipes import two modules beside them, one of which imports another."""
    folder = insects.competition("insects")
    (folder / "recipes.py").write_text(RECIPES.format(imports="import helper"))
    (folder / "helper.py").write_text("from numbers_ import ONE\nC = ONE / 2\n")
    (folder / "numbers_.py").write_text("ONE = 1\n\ndef later():\n    import helper\n    return int(8 * helper.C)\n")
    return insects


@pytest.mark.parametrize("imports", ["import helper", "from . import helper"])
def test_modules_beside_the_recipes_are_found_also_later(helped, imports):
    (helped.competition("insects") / "recipes.py").write_text(RECIPES.format(imports=imports))
    recipes, _ = loading.recipes(loading.load(helped, "insects"))
    assert (recipes["mine"].c, recipes["mine"].iterations) == (0.5, 4)
    assert "helper" not in sys.modules and "numbers_" not in sys.modules


def test_two_competitions_have_helpers_of_one_name(helped):
    other = helped.competition("others")
    shutil.copytree(helped.competition("insects"), other)
    (other / "numbers_.py").write_text((other / "numbers_.py").read_text().replace("ONE = 1", "ONE = 4"))
    found = [loading.recipes(loading.load(helped, name))[0]["mine"].c for name in ("insects", "others", "insects")]
    assert found == [0.5, 2.0, 0.5]


def test_a_change_in_a_helper_of_the_same_size_is_run_at_once_and_changes_the_key(helped):
    def key() -> str:
        pipeline = Pipeline(helped, loading.load(helped, "insects"))
        pipeline.artifacts.choose([])
        return pipeline.artifacts.run_of("mine").key

    helper = helped.competition("insects") / "helper.py"
    before = key()
    helper.write_text(helper.read_text() + "\n\ndef unused():\n    return 1\n")
    changed = key()
    edit(helper, "return 1", "return 2")
    assert len({before, changed, key()}) == 3


CLASSES = """
from typing import Protocol, runtime_checkable

@runtime_checkable
class Fits(Protocol):
    def fit(self): ...

class Closed(type):
    def __setattr__(cls, name, value):
        raise AttributeError(f"{cls.__name__} is closed")

class One(metaclass=Closed):
    def fit(self): ...

C = 0.5

def later():
    return 4 if isinstance(One(), Fits) else 0
"""


def test_classes_of_any_kind_are_left_as_they_are_written(helped):
    folder = helped.competition("insects")
    (folder / "helper.py").write_text("from numbers_ import C\n")
    (folder / "numbers_.py").write_text(CLASSES)
    recipes, _ = loading.recipes(loading.load(helped, "insects"))
    assert recipes["mine"].iterations == 4


def test_an_error_in_a_helper_names_its_file_and_line(helped):
    (helped.competition("insects") / "numbers_.py").write_text("ONE = 1\nTWO = 1 / 0\n")
    with pytest.raises(UserError, match=r"numbers_\.py, line 2: ZeroDivisionError"):
        loading.recipes(loading.load(helped, "insects"))


def test_the_code_of_a_competitors_own_kind_of_folds_is_part_of_the_folds_key(insects):
    file = insects.competition("insects") / "competition.py"
    split = "    def split(self, labels, groups):\n        return super().split(labels, groups)[::1]\n"
    text = file.read_text().replace("competition = ", f"class MyFolds(KFold):\n{split}\ncompetition = ", 1)
    file.write_text(text.replace("folds=KFold(2)", "folds=MyFolds(2)"))
    keys = [Pipeline(insects, loading.load(insects, "insects")).artifacts.folds_key]
    edit(file, "[::1]", "[::2]")
    keys += [Pipeline(insects, loading.load(insects, "insects")).artifacts.folds_key]
    assert keys[0] != keys[1]


def test_a_file_that_ends_the_process_only_breaks_its_competition(insects, harness):
    shutil.copytree(insects.competition("insects"), insects.competition("worse"))
    (insects.competition("worse") / "competition.py").write_text("import sys\nsys.exit()\n")
    answer = harness("list")
    assert (
        answer.code == 0 and "SystemExit" in answer.out and "SystemExit:" not in answer.out and "Insects" in answer.out
    )
