"""What a target needs, in order, skipping what is up to date.

    data -> folds ----------\\
       \\--> images (caches) --> recipes -> blend -> submission
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness import runs
from harness.catalogue import Catalogue, Options
from harness.competition import Competition
from harness.console import say, seconds
from harness.data import cache
from harness.data.cache import Input
from harness.data.folds import Folds
from harness.data.readers.reader import TRAIN
from harness.errors import UserError
from harness.files import lock, out_of_space, write_text
from harness.recipes.blend import Ensemble
from harness.recipes.recipe import FoldRecipe, Recipe
from harness.recipes.snapshots import whole
from harness.recipes.soup import Soup
from harness.recipes.trained import Trained
from harness.runs import Run
from harness.workspace import Workspace

UP_TO_DATE, STALE, MISSING = "up to date", "stale", "missing"


@dataclass(frozen=True)
class Step:
    """One node of the graph.

    Args:
        name: for people.
        target: the file or folder it makes.
        needs: names of the steps before it.
        state: up to date, stale (made from something else), or missing.
        make: makes it.
    """

    name: str
    target: Path
    needs: tuple[str, ...]
    state: Callable[[], str]
    make: Callable[[], None]


class Pipeline(Catalogue):
    """The graph that makes the things of one competition."""

    def __init__(self, workspace: Workspace, competition: Competition, options: Options | None = None) -> None:
        super().__init__(workspace, competition, options)
        self.took: dict[str, float] = {}

    # Making.

    def make_folds(self) -> None:
        rows = self.dataset.rows(TRAIN)
        ids = tuple(self.dataset.ids[row] for row in rows)
        if self.options.folds is not None:
            made = Folds.read(self.options.folds, ids)
        else:
            made = Folds(ids, self.competition.folds.deal(self.dataset.labels[rows], self.dataset.groups[rows]))
        with lock(self.folds_file, "the folds"):
            made.write(self.folds_file)

    def make_run(self, name: str) -> None:
        run = self.run_of(name)
        with lock(run.folder, f"the recipe {name}"):
            if run.is_done():
                return
            if not run.is_fitted():
                self._fit(run)
            run.evaluate(self.dataset)

    def _fit(self, run: Run) -> None:
        if isinstance(run.recipe, Ensemble):
            members = {name: self.predictions(name) for name in self._remaining(run.recipe)}
            left_out = {name: self.failed[name] for name in run.recipe.members if name in self.failed}
            runs.blend(run, members, self.dataset, self.folds, left_out)
        else:
            recipe = self._of_folds(run.recipe)
            caches = {wanted: self.open_cache(wanted) for wanted in recipe.inputs()}
            runs.fit(run, recipe, self.dataset, self.folds, caches, self.competition.mirror)

    def _of_folds(self, recipe: Recipe) -> FoldRecipe:
        """What is fitted fold by fold: the recipe, or where it is a soup, what it is with its members' runs."""
        if isinstance(recipe, Soup):
            member = self.recipes[recipe.members[0]]
            assert isinstance(member, Trained)
            folders = {name: self.run_of(name).folder for name in recipe.members}
            return recipe.of_folds(member, folders, self.dataset.groups)
        assert isinstance(recipe, FoldRecipe)
        return recipe

    def make_submission(self, name: str) -> None:
        found = self.predictions(name)
        with lock(self.workspace.submissions(self.competition.name) / name, f"the submission of {name}"):
            for split, file in self.submission_files(name).items():
                self.competition.submission.write(file, found[split])

    # The graph.

    def steps(self, chosen: dict[str, Recipe], submit: str | None = None, known: bool = True) -> list[Step]:
        """The steps that the chosen recipes need, in order.

        Args:
            chosen: recipes with their members, members first.
            submit: a recipe whose CSVs are wanted too.
            known: whether the data set is known; later steps have no key before it is.
        """
        table = self.workspace.data(self.competition.name) / "dataset.csv"
        steps = [Step("data", table, (), lambda: self._table_state(table), lambda: _touch(self.dataset))]
        if not known:
            return steps
        inputs = dict.fromkeys(wanted for recipe in chosen.values() for wanted in recipe.inputs())
        steps.append(Step("folds", self.folds_file, ("data",), self._folds_state, self.make_folds))
        for wanted in inputs:
            steps.append(self._cache_step(wanted))
        for name, recipe in chosen.items():
            steps.append(self._run_step(name, recipe))
        if submit is not None:
            first = next(iter(self.submission_files(submit).values()))
            steps.append(
                Step(
                    "submission",
                    first,
                    (submit,),
                    lambda: self._submission_state(submit),
                    lambda: self.make_submission(submit),
                )
            )
        return steps

    def perform(
        self, chosen: dict[str, Recipe], submit: str | None = None, only: tuple[str, ...] | None = None
    ) -> None:
        """Make what is not up to date, in order, saying what is done and what is skipped."""
        self.competition.submission.check(self.dataset.classes)  # the data set comes first: all is keyed by it
        counts = self.dataset.counts()
        say(
            "data: "
            + ", ".join(f"{count:,} {split}" for split, count in counts.items())
            + f", {len(self.dataset.classes)} classes"
        )
        for step in self.steps(chosen, submit)[1:]:
            if only is not None and not step.name.startswith(only):
                continue
            if step.state() == UP_TO_DATE:
                say(f"{step.name}: up to date")
                continue
            started = time.monotonic()
            try:
                step.make()
            except Exception as error:
                if out_of_space(error) or not self._can_do_without(step.name, chosen):
                    raise
                self._leave_out(step.name, error)
                continue
            self.took[step.name] = time.monotonic() - started
            say(f"{step.name}: made in {seconds(self.took[step.name])}")

    def _can_do_without(self, name: str, chosen: dict[str, Recipe]) -> bool:
        """Whether a recipe is made only as a member of ensembles, each of which has enough others."""
        above = [recipe for recipe in chosen.values() if name in recipe.members]
        if any(whole(other) == name != other for other in chosen):  # nor can there be snapshots of it
            return False
        return bool(above) and all(
            isinstance(recipe, Ensemble) and len(self._remaining(recipe)) - 1 >= recipe.needed for recipe in above
        )

    def _leave_out(self, name: str, error: Exception) -> None:
        self.failed[name] = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        told = self.run_of(name).folder / "failed.txt"
        write_text(told, traceback.format_exc())
        say(f"{name}: failed, and is left out. {self.failed[name]}\n  its whole story: {self.workspace.shown(told)}")

    def _table_state(self, table: Path) -> str:
        if self._known() is not None:
            return UP_TO_DATE
        return STALE if table.exists() else MISSING

    def _folds_state(self) -> str:
        if self.folds_file.is_file():
            return UP_TO_DATE
        return STALE if list(self.folds_file.parent.glob("folds-*.csv")) else MISSING

    def _cache_step(self, wanted: Input) -> Step:
        file = self.cache_file(wanted)

        def state() -> str:
            if cache.is_built(file, wanted.key(self.dataset)):
                return UP_TO_DATE
            return STALE if list(file.parent.glob(f"{wanted.kind}-{wanted}-????????.h5")) else MISSING

        return Step(_named(wanted), file, ("data",), state, lambda: _touch(self.open_cache(wanted)))

    def _run_step(self, name: str, recipe: Recipe) -> Step:
        def state() -> str:
            run = self.run_of(name)  # only now: a member may have failed since the steps were listed
            if run.is_done():
                return UP_TO_DATE
            return STALE if run.has_older() else MISSING

        inputs = ("folds", *(_named(wanted) for wanted in recipe.inputs()))
        needs = recipe.members or (inputs if whole(name) == name else (whole(name),))
        return Step(name, self.run_of(name).folder, needs, state, lambda: self.make_run(name))

    def _submission_state(self, name: str) -> str:
        run = self.run_of(name)
        if not run.is_done():
            return MISSING
        found = self.predictions(name)
        files = self.submission_files(name)
        if all(
            file.is_file() and file.read_bytes() == self.competition.submission.render(found[split]).encode()
            for split, file in files.items()
        ):
            return UP_TO_DATE
        return MISSING


def _named(wanted: Input) -> str:
    return f"{wanted.kind} {wanted}"


def _touch(_: object) -> None:
    """For properties that are worth computing for what they leave on disk."""
