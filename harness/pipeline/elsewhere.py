"""What of a graph runs on workers: folds of recipes and chunks of features, each a job; files tell what is done.

The driver asks for all that may run, and then goes through its steps as it does alone: it finds each fold in its file.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.cluster.jobs import Job
from harness.data.cache import cache
from harness.data.cache.cache import Filled, Input
from harness.pipeline import chunks
from harness.pipeline.artifacts import Artifacts
from harness.pipeline.prepared import Options
from harness.recipes.ensemble import Ensemble
from harness.recipes.recipe import FoldRecipe, Recipe
from harness.recipes.snapshots import is_snapshot, trained_name
from harness.runs.fold_folders import predictions_of
from harness.runs.fold_jobs import count_of, title_of
from harness.runs.run import Run

if TYPE_CHECKING:
    from harness.cluster.engine import Cluster


Array = np.ndarray


class Elsewhere:
    """Jobs for what the chosen recipes need.

    Args:
        artifacts: of the competition.
        cluster: the workers.
        chosen: the recipes, with their members.
        of_folds: what of a recipe is fitted fold by fold.
    """

    def __init__(
        self,
        artifacts: Artifacts,
        cluster: Cluster,
        chosen: dict[str, Recipe],
        of_folds: Callable[[Recipe], FoldRecipe],
    ) -> None:
        self._artifacts, self._cluster, self._chosen, self._of_folds = artifacts, cluster, chosen, of_folds
        self._jobs: dict[str, list[Job]] = {}

    def begin(self) -> None:
        """Ask for the folds of each recipe that has all it needs."""
        for name, recipe in self._chosen.items():
            if name in self._jobs or isinstance(recipe, Ensemble) or not self._is_ready(name, recipe):
                continue
            run = self._artifacts.run_of(name)
            self._jobs[name] = [] if run.is_fitted() else self._folds(run)
            self._cluster.begin(self._jobs[name])

    def finish(self, name: str) -> None:
        """Wait until a recipe's folds are done."""
        self.begin()
        self._cluster.finish(self._jobs.get(name, []))

    def _is_ready(self, name: str, recipe: Recipe) -> bool:
        if not self._artifacts.is_decided(name):
            return False
        needed = [*self._artifacts.remaining(recipe), *([trained_name(name)] if is_snapshot(name) else [])]
        return (
            self._artifacts.folds_file.exists()
            and all(self._artifacts.run_of(other).is_done() for other in needed)
            and all(cache.is_built(self._artifacts.cache_file(one), self._key(one)) for one in recipe.inputs())
        )

    def _key(self, input: Input) -> str:
        return input.key(self._artifacts.dataset)

    def _folds(self, run: Run) -> list[Job]:
        count = count_of(self._of_folds(run.recipe), self._artifacts.folds)
        missing = [number for number in range(count) if predictions_of(run.folder, number, run.key) is None]
        return [
            job_of(
                self._artifacts,
                self._chosen,
                title_of(run.name, number, count),
                ("fold", self._artifacts.competition.name, run.name, str(number + 1)),
                {"recipe": run.name, "fold": number, "key": run.key},
                run.folder / "logs" / f"fold-{number + 1}.txt",
            )
            for number in missing
        ]

    # Chunks of features.

    def fill(self, input: Input) -> Callable[..., Iterator[Filled]]:
        """What computes rows of a cache on the workers, in place of ``input.fill``."""

        key = self._key(input)
        folder = self._artifacts.cache_file(input).with_suffix(".chunks")

        def filled(_: object, rows: Array) -> Iterator[Filled]:
            for chunk in chunks.found(folder, key):  # by a command that was stopped
                rows = np.setdiff1d(rows, chunk.rows)
                yield chunk
            parts = chunks.parted(rows, self._cluster.slots()) if len(rows) else []
            jobs = [self._chunk(input, key, part, folder) for part in parts]
            self._cluster.begin(jobs)
            for job in jobs:
                self._cluster.finish([job])
                yield chunks.read(Path(job.asked["file"]), key)
            shutil.rmtree(folder, ignore_errors=True)

        return filled

    def _chunk(self, input: Input, key: str, rows: Array, folder: Path) -> Job:
        name = f"{rows[0]}-{rows[-1]}"
        return job_of(
            self._artifacts,
            self._chosen,
            f"{input.kind} {input}, rows {rows[0]:,} to {rows[-1]:,}",
            ("chunk", self._artifacts.competition.name, str(input), name),
            {"key": key, "rows": chunks.runs(rows), "file": str(folder / f"{name}.npz")},
            folder / f"{name}.txt",
            first=True,  # folds of other recipes wait for it
        )


def job_of(
    artifacts: Artifacts,
    chosen: Iterable[str],
    title: str,
    words: tuple[str, ...],
    asked: dict[str, Any],
    log: Path,
    first: bool = False,
) -> Job:
    """A job of a competition, for a process that has only words of what this command knows.

    Args:
        artifacts: of the competition.
        chosen: the names of the recipes that are made.
        title: for people.
        words: the kind, and what tells the job in a list of processes.
        asked: what the kind needs to know.
        log: as of ``Job``.
        first: as of ``Job``.
    """
    about = {
        "kind": words[0],
        "competition": artifacts.competition.name,
        "options": to_plain(artifacts.options),
        "chosen": [*chosen],
        "failed": artifacts.failed,
        "precisions": artifacts.precisions,
        "title": title,
    }
    return Job(
        title=title,
        command=("-m", "harness", "job", *words),
        asked=about | asked,
        log=log,
        folder=artifacts.workspace.root,
        first=first,
    )


def to_plain(options: Options) -> dict[str, Any]:
    """Options as JSON holds them, with whole paths, for a process that runs in another folder."""
    return {
        field.name: str(value.expanduser().resolve()) if isinstance(value, Path) else value
        for field in dataclasses.fields(options)
        if field.name != "workers" and (value := getattr(options, field.name)) is not None
    }


def from_plain(options: dict[str, Any]) -> Options:
    """The options that ``to_plain`` gave."""
    paths: dict[str, Any] = {name: Path(options[name]) for name in ("data", "folds") if name in options}
    return Options(**(options | paths))
