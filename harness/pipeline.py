"""What a target needs, in order, skipping what is up to date.

    data -> folds ----------\\
       \\--> images (caches) --> recipes -> blend -> submission
"""

from __future__ import annotations

import hashlib
import os
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from harness import competition as competitions
from harness import fingerprint as fp
from harness import runs
from harness.competition import Competition
from harness.console import say, seconds
from harness.data import cache, cache_build, dataset
from harness.data.cache import Cache, Input
from harness.data.dataset import Dataset
from harness.data.folds import Folds
from harness.data.readers.reader import TRAIN
from harness.errors import UserError
from harness.files import lock, out_of_space, read_json, write_json, write_text
from harness.predictions import HOLDOUT, TEST, Predictions
from harness.recipes.blend import Ensemble
from harness.recipes.choice import choose
from harness.recipes.recipe import FoldRecipe, Recipe
from harness.recipes.repeat import lookup
from harness.recipes.trained import Trained
from harness.runs import Parent, Run
from harness.workspace import Workspace

UP_TO_DATE, STALE, MISSING = "up to date", "stale", "missing"


@dataclass(frozen=True)
class Options:
    """What a command may change about a run.

    Args:
        data: the organiser's files, where they are not where they were.
        assignments: ``key=value`` settings.
        smoke: shrink every recipe to see that it works.
        compressed: build image caches in the form for small disks.
        folds: a CSV of folds to use in place of the competition's own.
        from_epoch: have networks go on from the checkpoint after this epoch of the run without ``assignments``.
    """

    data: Path | None = None
    assignments: list[str] = field(default_factory=list)
    smoke: bool = False
    compressed: bool = False
    folds: Path | None = None
    from_epoch: int | None = None


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


class Pipeline:
    """The graph of one competition.

    Args:
        workspace: where things are kept.
        competition: which.
        options: what this command changes.

    Raises:
        UserError: a recipe's settings do not fit.
    """

    def __init__(self, workspace: Workspace, competition: Competition, options: Options | None = None) -> None:
        self.workspace, self.competition, self.options = workspace, competition, options or Options()
        self.recipes, self.default = competitions.recipes(competition)
        if self.options.smoke:
            self.recipes = {name: recipe.smoke() for name, recipe in self.recipes.items()}
        self._declared = dict(self.recipes)
        self.took: dict[str, float] = {}
        self.failed: dict[str, str] = {}  # members left out of what is made of them, and why

    def choose(self, wanted: list[str]) -> dict[str, Recipe]:
        """The wanted recipes (the default one if none is named) and all their members, settings applied."""
        chosen = choose(self.competition, self.recipes, wanted or [self.default], self.options.assignments)
        self.recipes |= chosen
        return chosen

    # The organiser's files and the table made of them.

    @cached_property
    def source(self) -> tuple[Any, Path]:
        """The reader and the folder: given, remembered, or ``data/<name>/raw``."""
        name = self.competition.name
        remembered = read_json(self.workspace.data(name) / "source.json") or {}
        given = self.options.data or (
            Path(remembered["folder"]) if "folder" in remembered else self.workspace.raw(name)
        )
        unpack_to = self.workspace.data(name) / "unpacked"
        return dataset.locate(self.competition, given.expanduser().resolve(), unpack_to)

    @cached_property
    def dataset(self) -> Dataset:
        reader, folder = self.source
        table = self.workspace.data(self.competition.name) / "dataset.csv"
        with lock(table, "the table of images"):
            found = dataset.load_or_read(
                self.competition, reader, folder, table, dataset.key(self.competition, reader, folder)
            )
            if self.options.data is not None:
                write_json(table.with_name("source.json"), {"folder": str(folder)})
        return found

    def _known(self) -> Dataset | None:
        """The data set if its kept table is up to date; reads no image."""
        if "dataset" in self.__dict__:
            return self.dataset
        reader, folder = self.source
        table = self.workspace.data(self.competition.name) / "dataset.csv"
        return dataset.load(reader, folder, table, dataset.key(self.competition, reader, folder))

    # Folds.

    @cached_property
    def folds_key(self) -> str:
        given = self.options.folds
        if given is not None and not given.is_file():
            raise UserError(f"there is no folds file {given}.", "check the path after --folds")
        made_from = self.competition.folds if given is None else hashlib.blake2b(given.read_bytes()).hexdigest()
        return fp.fingerprint(folds=made_from, dataset=self.dataset.fingerprint, code=fp.code("data.folds"))

    @property
    def folds_file(self) -> Path:
        return self.workspace.data(self.competition.name) / f"folds-{self.folds_key[:8]}.csv"

    def make_folds(self) -> None:
        rows = self.dataset.rows(TRAIN)
        ids = tuple(self.dataset.ids[row] for row in rows)
        if self.options.folds is not None:
            made = Folds.read(self.options.folds, ids)
        else:
            made = Folds(ids, self.competition.folds.deal(self.dataset.labels[rows], self.dataset.groups[rows]))
        with lock(self.folds_file, "the folds"):
            made.write(self.folds_file)

    @cached_property
    def folds(self) -> Folds:
        return Folds.read(self.folds_file, tuple(self.dataset.ids[row] for row in self.dataset.rows(TRAIN)))

    # Caches of images and features.

    def cache_file(self, wanted: Input) -> Path:
        return wanted.path(self.workspace.cache(self.competition.name), wanted.key(self.dataset))

    def open_cache(self, wanted: Input) -> Cache:
        return cache_build.open_or_build(
            self.cache_file(wanted), wanted, self.dataset, self.competition.unreadable, self.options.compressed
        )

    # Runs.

    def run_of(self, name: str) -> Run:
        recipe, epoch = self.recipes[name], self.options.from_epoch
        if epoch is None or not isinstance(recipe, Trained):
            return self._run(name, recipe)
        declared = lookup(self._declared, name)
        assert declared is not None
        return self._run(name, recipe, Parent(self._run(name, declared), epoch))

    def _run(self, name: str, recipe: Recipe, parent: Parent | None = None) -> Run:
        members = {member: self.run_of(member).key for member in self._remaining(recipe)}
        made_from = fp.fingerprint(
            recipe=recipe,
            ingredients=recipe.ingredients(),
            inputs=[wanted.key(self.dataset) for wanted in recipe.inputs()],
            folds=self.folds_key,
            members=[*members.values()],
            metric=self.competition.metric if isinstance(recipe, Ensemble) else None,  # weights are fitted for it
            mirror=self.competition.mirror,
            backend=_backend(),
            code=fp.code("runs", "predictions", *recipe.modules) + fp.code_of_class(type(recipe)),
            **({"parent": [parent.run.key, parent.epoch]} if parent else {}),
        )
        folder = self.workspace.runs(self.competition.name) / name / made_from
        return Run(name, made_from, folder, recipe, self.competition.metric, self.options.smoke, parent, members)

    def predictions(self, name: str) -> dict[str, Predictions]:
        """A finished run's predictions by split."""
        found = self.run_of(name).predictions()
        assert found is not None, f"{name} was to be finished"
        return found

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
            assert isinstance(run.recipe, FoldRecipe)
            caches = {wanted: self.open_cache(wanted) for wanted in run.recipe.inputs()}
            runs.fit(run, run.recipe, self.dataset, self.folds, caches, self.competition.mirror)

    # Submissions.

    def submission_files(self, name: str) -> dict[str, Path]:
        """The CSVs a recipe makes, by split: the organiser's test where there is one, and the hold-out."""
        run = self.run_of(name)
        stem = f"{name}{'-smoke' if self.options.smoke else ''}-{run.key[:8]}"
        folder = self.workspace.submissions(self.competition.name)
        files = {HOLDOUT: folder / f"{stem}.csv"}
        if len(self.dataset.rows(TEST)):
            files = {TEST: folder / f"{stem}.csv", HOLDOUT: folder / f"{stem}-holdout.csv"}
        return files

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

    def _remaining(self, recipe: Recipe) -> list[str]:
        """A recipe's members that did not fail. What is made of fewer has a key of its own, and all are tried again."""
        return [name for name in recipe.members if name not in self.failed]

    def _can_do_without(self, name: str, chosen: dict[str, Recipe]) -> bool:
        """Whether a recipe is made only as a member of ensembles, each of which has enough others."""
        above = [recipe for recipe in chosen.values() if name in recipe.members]
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

        needs = recipe.members or ("folds", *(_named(wanted) for wanted in recipe.inputs()))
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


def _backend() -> str:
    return os.environ.get("KERAS_BACKEND", "tensorflow")


def _touch(_: object) -> None:
    """For properties that are worth computing for what they leave on disk."""
