"""What is searched: a recipe of a competition, its space, and the folds that the search sees."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from harness.pipeline import precision
from harness.pipeline.graph import Pipeline
from harness.plugins import loading
from harness.recipes import space as spaces
from harness.recipes.recipe import FoldRecipe
from harness.recipes.seeds import base
from harness.recipes.space import Space
from harness.scoring.metrics import METRICS, Metric
from harness.utils import fingerprint as fp
from harness.utils.errors import UserError
from harness.utils.versions import versions


@dataclass(frozen=True)
class Subject:
    """What is searched: a recipe of a competition, and its space.

    Args:
        pipeline: of the competition.
        name: the recipe's.
        recipe: with its own settings.
        space: what may change.
        seen: how many folds the search sees, the first ones.
        folds: how many the recipe is fitted on.
        typed: the space as the command was given it; None where it is the recipe's own.
    """

    pipeline: Pipeline
    name: str
    recipe: FoldRecipe
    space: Space
    seen: int
    folds: int
    typed: str | None = None

    @property
    def metric(self) -> Metric:
        return METRICS[self.pipeline.competition.metric]

    @cached_property
    def key(self) -> str:
        """What trials must share to be compared, as a hash: the recipe, data, folds, versions, space and folds seen."""
        return fp.fingerprint(
            run=self.pipeline.artifacts.run(self.name, self.recipe).key,
            space=sorted(map(str, self.space)),
            seen=self.seen,
            metric=self.metric.name,
            smoke=self.pipeline.artifacts.options.smoke,
            steps=versions("metrics"),
        )

    @property
    def folder(self) -> Path:
        """Where the search is kept: beside the recipe's runs."""
        artifacts = self.pipeline.artifacts
        return artifacts.workspace.runs(self.pipeline.competition.name) / self.name / f"search-{self.key[:8]}"

    def pipeline_with(self, point: dict[str, str]) -> Pipeline:
        """The pipeline of ``harness train COMP RECIPE --set …`` with some settings.

        Raises:
            UserError: the settings do not go together.
        """
        pipeline = self.pipeline.with_settings([f"{self.name}.{setting}={value}" for setting, value in point.items()])
        pipeline.artifacts.choose([self.name])
        return pipeline

    def with_point(self, point: dict[str, str]) -> FoldRecipe:
        """The recipe with some settings, checked.

        Raises:
            UserError: the settings do not go together.
        """
        changed = spaces.changed(self.name, self.recipe, point)
        changed.check(self.pipeline.competition)
        assert isinstance(changed, FoldRecipe)
        return changed


def subject(pipeline: Pipeline, name: str, space: str | None = None, seen: int | None = None) -> Subject:
    """What a command asks to search, checked.

    Args:
        pipeline: of the competition, with what the command changes.
        name: the recipe's.
        space: as typed; None takes the recipe's own.
        seen: how many folds the search sees; None takes half of them, rounded up.

    Raises:
        UserError: there is no such recipe, it is not searched, or the space or the number of folds does not fit it.
    """
    competition = pipeline.competition
    recipe = _searchable(pipeline, name)
    where = "--space" if space is not None else f"the space of {name!r}"
    text = loading.space(competition, name) if space is None else space
    if not text and where != "--space":
        raise UserError(
            f"it is not known what to search: {name} declares no space.",
            f"--space '{spaces.EXAMPLE}', or @recipe(space=…) in {competition.folder / 'recipes.py'}",
        )
    axes = spaces.declared(text, name, recipe, where)
    spaces.check(axes, name, recipe, competition, where)
    pipeline.perform({name: recipe}, only=("folds",))
    precision.decide(pipeline.artifacts, [name])  # once: all trials are trained alike
    folds = pipeline.artifacts.folds
    count = min(recipe.folds or len(folds), len(folds))
    different = min(count, int(folds.assignment[:, 0].max()) + 1)  # a repeat's folds are of the same rows again
    seen = math.ceil(different / 2) if seen is None else seen
    most = max(1, different - 1)
    if not 1 <= seen <= most:
        raise UserError(
            f"--search-folds must be 1 to {most}, so that a fold is left for the honest score. Received: {seen}",
            f"{name} is fitted on {count} folds; leave the option out for half of them",
        )
    return Subject(pipeline, name, recipe, axes, seen, count, space)


def _searchable(pipeline: Pipeline, name: str) -> FoldRecipe:
    """The recipe of a name, if it is one that is searched.

    Raises:
        UserError: there is none, it is a repeat or a snapshot of another, or it is not fitted fold by fold.
    """
    recipe = pipeline.artifacts.choose([name])[name]
    if base(name) != name:
        raise UserError(
            f"{name} is {base(name)} with another seed, or in the middle of its training.",
            f"harness tune {pipeline.competition.name} {base(name)}",
        )
    if not isinstance(recipe, FoldRecipe):
        raise UserError(
            f"{name} is a {type(recipe).__name__}, made of {', '.join(recipe.members)}: it is not fitted fold by fold.",
            f"search a recipe that it is made of: harness tune {pipeline.competition.name} {recipe.members[0]}",
        )
    return recipe
