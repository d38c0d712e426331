"""What a target needs, in order, skipping what is up to date.

    data -> folds ----------\\
       \\--> images (caches) --> recipes -> blend -> submission
"""

from __future__ import annotations

import dataclasses
import time
import traceback
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

from harness.competition import Competition
from harness.data.cache import cache
from harness.data.cache.cache import Input
from harness.data.folds import is_written
from harness.pipeline import added, precision
from harness.pipeline.elsewhere import Elsewhere
from harness.pipeline.maker import Maker
from harness.pipeline.prepared import Options
from harness.pipeline.run_state import STALE, UP_TO_DATE
from harness.recipes.ensemble import Ensemble
from harness.recipes.recipe import Recipe
from harness.recipes.snapshots import is_snapshot, trained_name
from harness.runs.fit import fit_fold
from harness.scoring import submission_csv
from harness.scoring.predictions import Predictions
from harness.utils.console import doing, say, seconds
from harness.utils.errors import UserError
from harness.utils.files import lock, out_of_space, shown_path, write_text
from harness.utils.workspace import Workspace

Watch = Callable[[dict[str, list[float]]], None]
MISSING = "missing"


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


class Pipeline(Maker):
    """The graph that makes the things of one competition.

    Args:
        workspace: where things are kept.
        competition: which.
        options: what this command changes.
    """

    def __init__(self, workspace: Workspace, competition: Competition, options: Options | None = None) -> None:
        super().__init__(workspace, competition, options)
        self.took: dict[str, float] = {}

    def fold_by_fold(self, name: str, watch: Watch | None = None) -> Generator[dict[str, Predictions], None, None]:
        """Make the folds of a recipe's run one after the other, and what they need: for one who may stop after some.

        They are kept as those of ``make_run`` are, which goes on from there.

        Args:
            name: of a recipe that is fitted fold by fold.
            watch: looks at each epoch of the first fold's training; see ``Fold``.

        Yields:
            Each fold's predictions by split and variant, from ``harness.runs.variants.table``.
        """
        run = self.artifacts.run_of(name)
        for step in self.steps({name: run.recipe})[1:]:
            if step.name != name and step.state() != UP_TO_DATE:
                step.make()
        precision.decide(self.artifacts, [name])
        run = self.artifacts.run_of(name)
        with lock(run.folder, f"the recipe {name}"):
            recipe = self.of_folds(run.recipe)
            for number, fold in enumerate(self.artifacts.fold_jobs(run, recipe)):
                watched = dataclasses.replace(fold, watch=None if number else watch)
                yield fit_fold(run, recipe, watched, self.artifacts.dataset)

    def steps(self, chosen: dict[str, Recipe], submit: str | None = None, known: bool = True) -> list[Step]:
        """The steps that the chosen recipes need, in order.

        Args:
            chosen: recipes with their members, members first.
            submit: a recipe whose CSVs are wanted too.
            known: whether the data set is known; later steps have no key before it is.
        """
        table = self.workspace.data(self.competition.name) / "dataset.csv"
        steps = [Step("data", table, (), lambda: self._table_state(table), lambda: _touch(self.artifacts.dataset))]
        if not known:
            return steps
        inputs = dict.fromkeys(input for recipe in chosen.values() for input in recipe.inputs())
        steps.append(Step("folds", self.artifacts.folds_file, ("data",), self._folds_state, self.make_folds))
        for input in inputs:
            steps.append(self._cache_step(input))
        for name, recipe in chosen.items():
            steps.append(self._run_step(name, recipe))
        if submit is not None:
            first = next(iter(self.artifacts.submission_files(submit).values()))
            if self.artifacts.dataset.added is not None:
                steps.append(self._added_step(submit))
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
        self.competition.submission.check(
            self.artifacts.dataset.classes
        )  # the data set comes first: all is keyed by it
        counts = self.artifacts.dataset.counts()
        say(
            "data: "
            + ", ".join(f"{count:,} {split}" for split, count in counts.items())
            + (f", {len(images):,} test added" if (images := self.artifacts.dataset.added) else "")
            + f", {self.competition.targets.asked(self.artifacts.dataset.classes)}"
        )
        with self.workers() as cluster:
            if cluster is not None:
                self._elsewhere = Elsewhere(self.artifacts, cluster, chosen, self.of_folds)
            try:
                _, folds, *others = self.steps(chosen, submit)
                self._make([folds], chosen, only)
                self.artifacts.require_folds(chosen)
                self._make(others, chosen, only)
            finally:
                self._elsewhere = None

    def _make(self, steps: list[Step], chosen: dict[str, Recipe], only: tuple[str, ...] | None) -> None:
        for step in steps:
            if only is not None and (step.name in chosen or not step.name.startswith(only)):
                continue
            if step.name in chosen:  # the caches come before all runs
                precision.decide(self.artifacts, chosen)
            with doing(f"looking for {step.name}"):
                state = step.state()
            if state == UP_TO_DATE:
                say(f"{step.name}: up to date")
                continue
            started = time.monotonic()
            if self._elsewhere is not None and only is None:
                self._elsewhere.begin()
            try:
                with doing(f"making {step.name}"):
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
        if any(
            is_snapshot(other) and trained_name(other) == name for other in chosen
        ):  # nor can there be snapshots of it
            return False
        return bool(above) and all(
            isinstance(recipe, Ensemble) and len(self.artifacts.remaining(recipe)) - 1 >= recipe.needed
            for recipe in above
        )

    def _leave_out(self, name: str, error: Exception) -> None:
        self.artifacts.failed[name] = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        file = self.artifacts.run_of(name).folder / "failed.txt"
        write_text(file, traceback.format_exc())
        say(f"{name}: failed, and is left out. {self.artifacts.failed[name]}\n  the traceback: {shown_path(file)}")

    def _table_state(self, table: Path) -> str:
        if self.artifacts.known_dataset() is not None:
            return UP_TO_DATE
        return STALE if table.exists() else MISSING

    def _folds_state(self) -> str:
        if is_written(self.artifacts.folds_file, self.artifacts.folds_key):
            return UP_TO_DATE
        return STALE if list(self.artifacts.folds_file.parent.glob("folds-*.csv")) else MISSING

    def _cache_step(self, input: Input) -> Step:
        file = self.artifacts.cache_file(input)

        def state() -> str:
            if cache.is_built(file, input.key(self.artifacts.dataset)):
                return UP_TO_DATE
            return STALE if list(file.parent.glob(f"{input.kind}-{input}-????????.h5")) else MISSING

        return Step(_named(input), file, ("data",), state, lambda: self.make_cache(input))

    def _run_step(self, name: str, recipe: Recipe) -> Step:
        def state() -> str:
            run = self.artifacts.run_of(name)  # only now: a member may have failed since the steps were listed
            if run.is_done():
                return UP_TO_DATE
            return STALE if run.has_older() else MISSING

        inputs = ("folds", *(_named(input) for input in recipe.inputs()))
        needs = recipe.members or ((trained_name(name),) if is_snapshot(name) else inputs)
        return Step(name, self.artifacts.run_of(name).folder, needs, state, lambda: self.make_run(name))

    def _added_step(self, name: str) -> Step:
        def state() -> str:
            is_done = self.artifacts.run_of(name).is_done() and added.kept(self.artifacts, name) is not None
            return UP_TO_DATE if is_done else MISSING

        target = added.file(self.artifacts, name)
        return Step("added test images", target, (name,), state, lambda: added.predict(self.artifacts, name))

    def _submission_state(self, name: str) -> str:
        run, images = self.artifacts.run_of(name), self.artifacts.dataset.added
        if not run.is_done() or (images is not None and added.kept(self.artifacts, name) is None):
            return MISSING
        predictions = self.in_order(name)
        files = self.artifacts.submission_files(name)
        if all(
            file.is_file()
            and file.read_bytes() == submission_csv.render(self.competition.submission, predictions[split]).encode()
            for split, file in files.items()
        ):
            return UP_TO_DATE
        return MISSING


def _named(input: Input) -> str:
    return f"{input.kind} {input}"


def _touch(_: object) -> None:
    """For properties that are worth computing for what they leave on disk."""
