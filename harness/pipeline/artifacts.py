"""What a competition's things are, what each is made from, and where it is kept; nothing here trains."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from harness.competition import Competition
from harness.data.cache import cache
from harness.data.cache.cache import Cache, Input
from harness.data.fold import Fold
from harness.data.splits import HOLDOUT, TEST
from harness.pipeline.prepared import Options, Prepared
from harness.pipeline.selection import choose
from harness.plugins import loading
from harness.recipes.ensemble import Ensemble
from harness.recipes.recipe import FoldRecipe, Recipe
from harness.recipes.seeds import lookup
from harness.recipes.snapshots import is_snapshot, trained_name
from harness.recipes.soup import Soup
from harness.recipes.trained import Trained
from harness.runs import precision
from harness.runs.fold_jobs import fold_jobs
from harness.runs.precision import Answer
from harness.runs.records import records
from harness.runs.run import Parent, Run
from harness.scoring.predictions import Predictions
from harness.training.settings import AUTO
from harness.utils import fingerprint as fp
from harness.utils.errors import UserError
from harness.utils.libraries import backend
from harness.utils.versions import versions
from harness.utils.workspace import Workspace


class Artifacts(Prepared):
    """The things of one competition: its data, and the recipes' runs and submissions.

    Args:
        workspace: where things are kept.
        competition: which.
        options: what this command changes.

    Raises:
        UserError: a recipe's settings do not fit.
    """

    def __init__(self, workspace: Workspace, competition: Competition, options: Options | None = None) -> None:
        super().__init__(workspace, competition, options or Options())
        self.recipes, self.default = loading.recipes(competition)
        if self.options.smoke:
            self.recipes = {name: recipe.smoke() for name, recipe in self.recipes.items()}
        self.declared = dict(self.recipes)
        self.failed: dict[str, str] = {}  # members left out of what is made of them, and why
        self.precisions: dict[str, bool] = {}  # decided: whether recipes that say "auto" train in mixed precision

    def choose(self, names: list[str]) -> dict[str, Recipe]:
        """The wanted recipes (the default one if none is named) and all their members, settings applied."""
        chosen = choose(self.competition, self.recipes, names or [self.default], self.options.assignments)
        self.recipes |= chosen
        return chosen

    def require_folds(self, chosen: dict[str, Recipe]) -> None:
        """Refuse recipes that ask for more folds than there are.

        Raises:
            UserError: names the recipe, the number of folds, and where it is declared.
        """
        count = len(self.folds)
        where = f"folds= in {self.declaration}" if self.options.folds is None else f"--folds {self.options.folds}"
        for name, recipe in chosen.items():
            if isinstance(recipe, FoldRecipe) and (recipe.folds or 0) > count:
                raise UserError(
                    f"{name} has folds={recipe.folds}, more than the {count} of {where}.",
                    f"give the recipe folds={count} or fewer, or None for all; or change {where}",
                )

    def with_settings(self, assignments: list[str]) -> Artifacts:
        """The same things, of the same data, for a command with more settings, written as for ``--set``."""
        other = copy.copy(self)
        other.options = replace(self.options, assignments=[*self.options.assignments, *assignments])
        other.recipes = dict(self.declared)
        return other

    def cached_features(self) -> Input | None:
        """Features of all images that are kept: the default recipe's, else any recipe's; None where there are none."""
        # As it is declared: settings may be of other recipes, and make no sense for this one.
        first = choose(self.competition, self.declared, [self.default], [])
        wanted = dict.fromkeys(
            input for recipe in [*first.values(), *self.recipes.values()] for input in recipe.inputs()
        )
        kept = [input for input in wanted if input.kind == "features"]
        return next((one for one in kept if cache.is_built(self.cache_file(one), one.key(self.dataset))), None)

    # Runs.

    def run_of(self, name: str) -> Run:
        recipe, epoch = self.recipes[name], self.options.from_epoch
        if is_snapshot(name):
            assert isinstance(recipe, Trained)
            return self.run(name, recipe, Parent(self.run_of(trained_name(name)), recipe.epochs))
        if epoch is None or not isinstance(recipe, Trained):
            return self.run(name, recipe)
        declared = lookup(self.declared, name)
        assert declared is not None
        return self.run(name, recipe, Parent(self.run(name, declared), epoch))

    def run(
        self, name: str, recipe: Recipe, parent: Parent | None = None, members: dict[str, str] | None = None
    ) -> Run:
        """A recipe's run.

        Args:
            name: the recipe's.
            recipe: its settings.
            parent: what its training goes on from.
            members: names and keys of the runs that it is made of; None for those of the recipes as they are declared.
        """
        if isinstance(recipe, Trained) and recipe.mixed_precision == AUTO:
            recipe = replace(recipe, mixed_precision=self._mixed(name, recipe, parent))
        if members is None:
            members = {member: self.run_of(member).key for member in self.remaining(recipe)}
        made_from = fp.fingerprint(
            recipe=recipe,
            ingredients=recipe.ingredients(),
            inputs=[input.key(self.dataset) for input in recipe.inputs()],
            folds=self.folds_key,
            members=[*members.values()],
            metric=self.competition.metric if isinstance(recipe, Ensemble) else None,  # weights are fitted for it
            backend=backend() if isinstance(recipe, Trained | Soup) else None,
            steps=versions(*recipe.key_steps),
            code=fp.competitor_code(recipe),
            **recipe.reads(self.dataset),
            **({"parent": [parent.run.key, parent.epoch]} if parent else {}),
        )
        return Run(
            name=name,
            key=made_from,
            folder=self.workspace.runs(self.competition.name) / name / made_from,
            recipe=recipe,
            metric=self.competition.metric,
            smoke=self.options.smoke,
            parent=parent,
            training_key=self._training_key(recipe, parent) if isinstance(recipe, Trained) else None,
            members=members,
            folds=self.folds_file.name,
            leaks=len(self.leaks),
            inputs={self.cache_file(input).name: input.key(self.dataset) for input in recipe.inputs()},
        )

    def is_decided(self, name: str) -> bool:
        """Whether it is known which precision a recipe trains in; what goes on from another run trains in that one's.

        Where it is not, ``run_of`` goes by what is known without measuring: a run that is there, a kept measurement.
        """
        recipe, goes_on = self.recipes[trained_name(name)], self.options.from_epoch is not None
        is_auto = isinstance(recipe, Trained) and recipe.mixed_precision == AUTO
        return not is_auto or goes_on or trained_name(name) in self.precisions

    def precision(self, name: str, recipe: Trained) -> Answer:
        """What is known, without measuring, of the precision of a recipe that says "auto"."""
        runs = {mixed: self.run(name, replace(recipe, mixed_precision=mixed)) for mixed in (False, True)}
        return precision.known(runs, recipe, len(self.dataset.classes))

    def _mixed(self, name: str, recipe: Trained, parent: Parent | None) -> bool:
        if parent is not None and isinstance(parent.run.recipe, Trained):
            return parent.run.recipe.mixed_precision is True
        return self.precisions[name] if name in self.precisions else self.precision(name, recipe).mixed

    def _training_key(self, recipe: Trained, parent: Parent | None) -> str:
        settings, steps = recipe.training
        return fp.fingerprint(
            settings=settings,
            ingredients=recipe.ingredients(),
            inputs=[input.key(self.dataset) for input in recipe.inputs()],
            folds=self.folds_key,
            backend=backend(),
            steps=versions(*steps),
            code=fp.competitor_code(recipe),
            **({"parent": [parent.run.training_key, parent.epoch]} if parent else {}),
        )

    def predictions(self, name: str) -> dict[str, Predictions]:
        """A finished run's predictions by split."""
        predictions = self.run_of(name).predictions()
        assert predictions is not None, f"{name} was to be finished"
        return predictions

    def remaining(self, recipe: Recipe) -> list[str]:
        """A recipe's members that did not fail. What is made of fewer has a key of its own, and all are tried again."""
        return [name for name in recipe.members if name not in self.failed]

    def kinds(self) -> dict[str, type[Recipe]]:
        """The classes of recipes by name: the harness's, and those of the competition."""
        from harness import recipes

        kinds = {name: kind for name, kind in vars(recipes).items() if isinstance(kind, type)}
        return kinds | {type(recipe).__name__: type(recipe) for recipe in self.recipes.values()}

    def fold_jobs(
        self, run: Run, recipe: FoldRecipe, open_cache: Callable[[Input], Cache] | None = None
    ) -> Iterator[Fold]:
        """What each fold of a run gets, one after the other.

        Args:
            run: the run.
            recipe: what is fitted fold by fold.
            open_cache: opens what the recipe reads; None builds it first where that is needed.
        """
        caches = {input: (open_cache or self.open_cache)(input) for input in recipe.inputs()}
        return fold_jobs(run, recipe, self.dataset, self.folds, caches, self.competition.hflip_safe)

    # Submissions.

    def latest_submission(self) -> Path | None:
        """The hold-out CSV of the run that finished last and still has one; None where there is none."""
        folder = self.workspace.submissions(self.competition.name)
        latest_first = sorted(
            records(self.workspace.runs(self.competition.name)), key=lambda record: record.sequence, reverse=True
        )
        files = (folder / f"{record.stem}-holdout.csv" for record in latest_first)
        return next((file for file in files if file.is_file()), None)

    @property
    def has_submission(self) -> bool:
        """Whether there is a test or a hold-out to make a CSV of."""
        return any(self.dataset.row_ids(split) for split in (TEST, HOLDOUT))

    def submission_files(self, name: str) -> dict[str, Path]:
        """The CSVs a recipe makes, by split: the organiser's test and the hold-out, as far as there are any.

        Raises:
            UserError: there is neither.
        """
        run = self.run_of(name)
        stem = f"{name}{'-smoke' if self.options.smoke else ''}-{run.key[:8]}"
        folder = self.workspace.submissions(self.competition.name)
        splits = [split for split in (TEST, HOLDOUT) if self.dataset.row_ids(split)]
        if not splits:
            raise UserError(
                f"{self.competition.name} has neither test images nor a hold-out, so there is nothing to submit.",
                f"set holdout=HoldOut(0.2) in {self.competition.folder / 'competition.py'}, or: "
                f"harness train {self.competition.name}",
            )
        return {split: folder / f"{stem}-{split}.csv" for split in splits}
