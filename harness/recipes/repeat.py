"""One recipe several times, with other seeds: members that cost no new idea."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from harness.recipes.recipe import Recipe

# Apart by more than there are folds, for each fold's seed is the recipe's plus its number.
APART = 1000


def repeat(name: str, times: int) -> tuple[str, ...]:
    """Names for ``of=``: the recipe, and its repeats ``name@2``, ``name@3``, … with seeds of their own."""
    return (name, *(f"{name}@{number}" for number in range(2, times + 1)))


def base(name: str) -> str:
    """The declared recipe of a name: ``'net'`` of ``'net@3'``."""
    return name.partition("@")[0]


def lookup(recipes: Mapping[str, Recipe], name: str) -> Recipe | None:
    """The recipe of a name, which may be a repeat's; None where there is none."""
    declared, at, number = name.partition("@")
    recipe = recipes.get(declared)
    if recipe is None or not at:
        return recipe
    if not number.isdecimal() or int(number) < 2:
        return None
    return dataclasses.replace(recipe, seed=recipe.seed + APART * (int(number) - 1))
