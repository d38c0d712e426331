"""Snapshots of one training run: members that cost no training of their own."""

from __future__ import annotations

import dataclasses

from harness.recipes.recipe import Recipe
from harness.recipes.trained import Trained


def snapshots(name: str, times: int) -> tuple[str, ...]:
    """Names for ``of=``: a recipe with ``schedule="cycles"``, whose weights are those of its last cycle's end, and
    ``name#2``, ``name#3``, …, its weights at the end of the last cycle but one, but two, …

    Source: Huang et al., Snapshot Ensembles (2017), who find the last ones to be the best.
    """
    return (name, *(f"{name}#{number}" for number in range(2, times + 1)))


def trained_name(name: str) -> str:
    """The name whose training a name is a snapshot of: ``'net@2'`` of ``'net@2#3'``, and ``'net'`` of ``'net'``."""
    return name.partition("#")[0]


def is_snapshot(name: str) -> bool:
    return trained_name(name) != name


def snapshot(recipe: Recipe, number: str) -> Trained | None:
    """The recipe that ends with an earlier cycle, the last but one for "2"; None where there is no such cycle.

    Cycles are equally long, so its training is the whole one's beginning.
    """
    if not isinstance(recipe, Trained) or recipe.schedule != "cycles" or not number.isdecimal():
        return None
    if not 2 <= int(number) <= recipe.cycles:
        return None
    cycles = recipe.cycles - int(number) + 1
    return dataclasses.replace(recipe, epochs=cycles * recipe.cycle, cycles=cycles)
