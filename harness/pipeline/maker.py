"""Making the things of one competition, each by itself: folds, caches, runs and submissions."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

from harness.competition import Competition
from harness.data.cache.cache import Input
from harness.data.folds import Folds
from harness.data.splits import HOLDOUT, TEST, TRAIN
from harness.pipeline import added
from harness.pipeline.artifacts import Artifacts
from harness.pipeline.elsewhere import Elsewhere
from harness.pipeline.prepared import Options
from harness.recipes.ensemble import Ensemble
from harness.recipes.recipe import FoldRecipe, Recipe
from harness.recipes.soup import Soup
from harness.recipes.trained import Trained
from harness.runs.blend import blend
from harness.runs.fit import fit
from harness.runs.run import Run
from harness.scoring import submission_csv
from harness.scoring.predictions import Predictions
from harness.utils.console import doing
from harness.utils.files import lock
from harness.utils.workspace import Workspace

if TYPE_CHECKING:
    from harness.cluster.engine import Cluster


class Maker:
    """Makes one thing at a time; whoever asks knows that what it needs is there.

    Args:
        workspace: where things are kept.
        competition: which.
        options: what this command changes.
    """

    def __init__(self, workspace: Workspace, competition: Competition, options: Options | None = None) -> None:
        self.workspace, self.competition = workspace, competition
        self.artifacts = Artifacts(workspace, competition, options)
        self._cluster: Cluster | None = None
        self._elsewhere: Elsewhere | None = None

    def with_settings(self, assignments: list[str]) -> Self:
        """The same pipeline, on the same workers, for a command with more settings, written as for ``--set``."""
        other = copy.copy(self)
        other.artifacts = self.artifacts.with_settings(assignments)
        return other

    @contextlib.contextmanager
    def workers(self) -> Iterator[Cluster | None]:
        """A context with the workers that make folds and features; None where the command asks for none.

        They start with their first job. In a context within another one they are the same.
        """
        if self._cluster is not None or self.artifacts.options.workers is None:
            yield self._cluster
            return
        from harness.cluster.engine import Cluster

        with Cluster(self.artifacts.options.workers, self.workspace.root) as self._cluster:
            try:
                yield self._cluster
            finally:
                self._cluster = None

    def split(self) -> Folds:
        """The folds as they are declared or given; nothing is kept."""
        dataset = self.artifacts.dataset
        rows = dataset.rows(TRAIN)
        strata, groups = dataset.targets.strata(dataset.labels[rows]), dataset.groups[rows]
        with self.artifacts.told_where("folds"):
            return self.artifacts.given_folds or Folds(
                dataset.ids_of(rows), self.competition.folds.split(strata, groups, dataset.grouped)
            )

    def make_folds(self) -> None:
        split = self.split()
        with lock(self.artifacts.folds_file, "the folds"):
            split.write(self.artifacts.folds_file, self.artifacts.folds_key)

    def make_run(self, name: str) -> None:
        run = self.artifacts.run_of(name)
        if self._elsewhere is not None and not run.is_done():
            self._elsewhere.finish(name)
        with lock(run.folder, f"the recipe {name}"):
            if run.is_done():
                return
            if not run.is_fitted():
                self._fit(run)
            with doing(f"scoring {name}"):
                run.evaluate(self.artifacts.dataset)

    def make_cache(self, input: Input) -> None:
        # Images are decoded by this machine's threads: on several machines they would wait for the same disk.
        fill = self._elsewhere.fill(input) if self._elsewhere is not None and input.kind == "features" else None
        self.artifacts.open_cache(input, fill)

    def _fit(self, run: Run) -> None:
        if isinstance(run.recipe, Ensemble):
            members = {name: self.artifacts.predictions(name) for name in self.artifacts.remaining(run.recipe)}
            left_out = {
                name: self.artifacts.failed[name] for name in run.recipe.members if name in self.artifacts.failed
            }
            blend(run, members, self.artifacts.dataset, self.artifacts.folds, left_out)
        else:
            recipe = self.of_folds(run.recipe)
            fit(run, recipe, self.artifacts.fold_jobs(run, recipe), self.artifacts.dataset)

    def of_folds(self, recipe: Recipe) -> FoldRecipe:
        """What is fitted fold by fold: the recipe, or where it is a soup, what it is with its members' runs."""
        if isinstance(recipe, Soup):
            member = self.artifacts.run_of(recipe.members[0]).recipe
            assert isinstance(member, Trained)
            folders = {name: self.artifacts.run_of(name).folder for name in recipe.members}
            return recipe.of_folds(member, folders, self.artifacts.dataset.groups)
        assert isinstance(recipe, FoldRecipe)
        return recipe

    def make_submission(self, name: str) -> None:
        predictions = self.in_order(name)
        with lock(self.workspace.submissions(self.competition.name) / name, f"the submission of {name}"):
            for split, file in self.artifacts.submission_files(name).items():
                submission_csv.write(self.competition.submission, file, predictions[split])

    def in_order(self, name: str) -> dict[str, Predictions]:
        """Predictions of the test and the hold-out in the order of the CSV's rows: the sample submission's."""
        predictions = self.artifacts.predictions(name)
        if self.artifacts.dataset.added is not None:
            more = added.kept(self.artifacts, name)
            assert more is not None, f"the added images were to be predicted by {name}"
            predictions = added.joined(predictions, more)
        rows = {split: self.artifacts.dataset.row_ids(split) for split in (TEST, HOLDOUT) if split in predictions}
        return {
            split: Predictions(ids, predictions[split].classes, predictions[split].of(ids))
            for split, ids in rows.items()
        }
