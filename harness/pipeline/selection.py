"""Which recipes a command asks for: those named, all their members, settings applied, what makes no sense refused."""

from __future__ import annotations

import contextlib

from harness.competition import Competition
from harness.recipes.recipe import FoldRecipe, Recipe
from harness.recipes.seeds import base, lookup
from harness.recipes.settings import override
from harness.recipes.snapshots import is_snapshot, trained_name
from harness.utils.errors import UserError, nearest


def choose(
    competition: Competition, recipes: dict[str, Recipe], requested: list[str], assignments: list[str]
) -> dict[str, Recipe]:
    """The wanted recipes, all their members, and the whole runs of snapshots; what is needed comes first.

    Args:
        competition: whose they are; its rules apply.
        recipes: all it has, by name.
        requested: names.
        assignments: ``key=value`` settings, as typed.

    Raises:
        UserError: no such recipe or setting, a value that makes no sense, or members that do not fit together.
    """
    # Settings come first, for they may name other members; then those that do not fit the chosen ones are refused.
    names = _with_members(competition, _where_they_fit(recipes, assignments), requested)
    declared = override({base(name): recipes[base(name)] for name in names}, assignments)
    chosen = {name: recipe for name in names if (recipe := lookup(declared, name)) is not None}
    for name, recipe in chosen.items():
        recipe.check(competition)
        folds = {member: _folds_of(chosen, member) for member in recipe.members}
        if len(set(folds.values())) > 1:
            counts = ", ".join(f"{member} has folds={count}" for member, count in folds.items())
            raise UserError(
                f"the members of {name} predict different rows: {counts}.",
                "give them the same folds, or --set folds=",
            )
    return chosen


def fitting(
    competition: Competition, recipes: dict[str, Recipe], requested: list[str], assignments: list[str]
) -> list[str]:
    """Those of the settings that a command for the wanted recipes alone takes; arguments as for ``choose``."""
    names = _with_members(competition, _where_they_fit(recipes, assignments), requested)
    own = {base(name): recipes[base(name)] for name in names}
    return [assignment for assignment in assignments if _takes(own, assignment)]


def all_take(competition: Competition, recipes: dict[str, Recipe], assignments: list[str]) -> list[str]:
    """The settings, if a command for all recipes takes them; else none."""
    try:
        choose(competition, recipes, [*recipes], assignments)
    except UserError:
        return []
    return assignments


def _takes(recipes: dict[str, Recipe], assignment: str) -> bool:
    try:
        override(recipes, [assignment])
    except UserError:
        return False
    return True


def _where_they_fit(recipes: dict[str, Recipe], assignments: list[str]) -> dict[str, Recipe]:
    """All recipes with the settings that each can take: one of them may be meant that another one has differently."""
    changed = dict(recipes)
    for name in recipes:
        for assignment in assignments:
            with contextlib.suppress(UserError):
                changed |= override({name: changed[name]}, [assignment])
    return changed


def _with_members(competition: Competition, recipes: dict[str, Recipe], requested: list[str]) -> list[str]:
    """The wanted names and those of all they need, in order."""
    names: list[str] = []

    def add(name: str, above: tuple[str, ...]) -> None:
        recipe = lookup(recipes, name)
        if recipe is None:
            raise _unknown(competition, recipes, name)
        if name in above:
            raise UserError(
                f"the recipe {name!r} is made of itself: {' of '.join((*above, name))}.",
                "name other members in of=",
            )
        for member in recipe.members:
            add(member, (*above, name))
        if is_snapshot(name):
            add(trained_name(name), above)
        if name not in names:
            names.append(name)

    for name in requested:
        add(name, ())
    return names


def _unknown(competition: Competition, recipes: dict[str, Recipe], name: str) -> UserError:
    run = lookup(recipes, trained_name(name))
    if run is None or not is_snapshot(name):
        message = f"{competition.name} has no recipe {name!r}. {nearest(name, list(recipes))}"
        return UserError(message, f"harness list {competition.name}")
    return UserError(
        f"there is no snapshot {name}: the learning rate of {trained_name(name)} does not go through so many cycles.",
        f"name fewer in of=, or --set {base(name)}.schedule=cycles --set {base(name)}.cycles= a larger number",
    )


def _folds_of(recipes: dict[str, Recipe], name: str) -> int | None:
    """How many folds a recipe predicts; None for all."""
    recipe = recipes[name]
    return recipe.folds if isinstance(recipe, FoldRecipe) else _folds_of(recipes, recipe.members[0])
