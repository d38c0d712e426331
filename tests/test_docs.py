"""The documentation lists every command and every setting, with its default."""

from __future__ import annotations

import dataclasses
import re

import pytest

from harness import recipes
from harness.cli.main import parser
from harness.competition import Competition
from harness.data import readers
from harness.data.folds import HoldOut, KFold
from harness.recipes.recipe import Recipe
from harness.scoring.submission_format import SubmissionFormat
from tests.conftest import CHECKOUT

PAGES = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))]
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
RECIPES = [kind for kind in vars(recipes).values() if isinstance(kind, type) and issubclass(kind, Recipe)]
UNNAMED = {"part", "name"}  # what stands first, without its name; what is not declared
READERS = [kind for kind in vars(readers).values() if dataclasses.is_dataclass(kind)]


def _told_defaults() -> dict[str, str]:
    """The default of each setting in the table of training.md, as it is written there."""
    text = (CHECKOUT / "docs" / "training.md").read_text(encoding="utf-8")
    table = text.partition("### All settings")[2].partition("\n## ")[0]
    told = {}
    for names, defaults in re.findall(r"^\| (`[^|]+`) \| ([^|]+) \|", table, re.MULTILINE):
        settings, values = re.findall(r"`(\w+)`", names), re.findall(r"`([^`]+)`", defaults) or ["required"]
        told |= dict(zip(settings, values * len(settings) if len(values) == 1 else values, strict=True))
    return told


@pytest.mark.parametrize("kind", [recipes.Network, recipes.FineTune])
def test_the_table_of_training_has_every_setting_with_its_default(kind: type) -> None:
    told = _told_defaults()
    for field in dataclasses.fields(kind):
        default = field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
        required = default is dataclasses.MISSING
        assert told[field.name] == ("required" if required else repr(default).replace("'", '"')), field.name


@pytest.mark.parametrize(
    "kind", [*RECIPES, *READERS, Competition, SubmissionFormat, KFold, HoldOut], ids=lambda kind: kind.__name__
)
def test_every_setting_is_documented(kind: type) -> None:
    names = {field.name for field in dataclasses.fields(kind)} - UNNAMED
    assert [name for name in sorted(names) if not re.search(rf"`{name}\b|\b{name}=", TEXT)] == []


def test_every_command_and_option_is_documented() -> None:
    (commands,) = (action.choices for action in parser()._actions if action.dest == "command")
    for name, command in commands.items():
        assert re.search(rf"\b{name}\b", TEXT), name
        for action in command._actions:
            options = [option for option in action.option_strings if option.startswith("--")]
            assert all(option == "--help" or re.search(rf"{option}\b", TEXT) for option in options), (name, options)
