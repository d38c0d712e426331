"""One recipe several times, with other seeds: members that cost no new idea. And what names of members mean."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from harness.recipes.recipe import Recipe
from harness.recipes.snapshots import snapshot, trained_name

# Apart by more than there are folds, for each fold's seed is the recipe's plus its number.
APART = 1000


def seeds(name: str, times: int) -> tuple[str, ...]:
    """Names for ``of=``: the recipe, and its repeats ``name@2``, ``name@3``, … with seeds of their own."""
    return (name, *(f"{name}@{number}" for number in range(2, times + 1)))


def base(name: str) -> str:
    """The declared recipe of a name: ``'net'`` of ``'net@3'`` and of ``'net@3#2'``."""
    return trained_name(name).partition("@")[0]


def lookup(recipes: Mapping[str, Recipe], name: str) -> Recipe | None:
    """The recipe of a name, which may be a repeat's or a snapshot's; None where there is none."""
    run, mark, number = name.partition("#")
    if mark:
        recipe = lookup(recipes, run)
        return None if recipe is None else snapshot(recipe, number)
    declared, at, number = name.partition("@")
    recipe = recipes.get(declared)
    if recipe is None or not at:
        return recipe
    if not number.isdecimal() or int(number) < 2:
        return None
    return dataclasses.replace(recipe, seed=recipe.seed + APART * (int(number) - 1))
