"""Trials of a search on workers of this machine: two workers against one, with trials that sleep; what a job costs.

A job's cost is what is not its trial: starting Python, importing, reading the table of images, asking the study. A
network's job also loads Keras. In one process all that is paid once.
"""

from __future__ import annotations

import os
import resource
import shutil
import time
from pathlib import Path

from common import scratch, verdict

from harness.cluster import environment, on_worker
from harness.cluster.engine import Cluster
from harness.cluster.jobs import Workers
from harness.pipeline.graph import Pipeline
from harness.pipeline.prepared import Options
from harness.plugins import loading
from harness.tuning import on_workers
from harness.tuning.search import Search
from harness.tuning.subject import subject
from harness.utils.workspace import Workspace

CHECKOUT = Path(__file__).resolve().parents[1]
TRIALS, ROUNDS = 8, 3  # trials of a search; trials of which the median cost is told
LEAST = 1.5  # times as fast with two workers as with one

# Sleeps for each fold, of which a search sees three.
SLEEPING = '''

from dataclasses import dataclass
import time

import numpy as np

from harness.recipes.recipe import FoldRecipe


@dataclass(frozen=True, kw_only=True)
class Sleeping(FoldRecipe):
    """Sleeps.

    Args:
        luck: another number guesses anew.
    """

    luck: float = 0.5

    def fit(self, fold):
        time.sleep(1)
        drawn = np.random.default_rng(round(self.luck * 1e6))
        return drawn.random((len(fold.predicted()), len(fold.classes)), dtype=np.float32)


@recipe
def sleeping():
    """Sleeps."""
    return Sleeping()
'''


def digits(folder: Path) -> Workspace:
    """A workspace with the digits and a recipe that sleeps."""
    workspace = Workspace(folder)
    shutil.copytree(CHECKOUT / "competitions" / "digits", workspace.competition("digits"))
    with (workspace.competition("digits") / "recipes.py").open("a") as file:
        file.write(SLEEPING)
    os.environ["HARNESS_TRUSTED"] = str(folder)
    return workspace


def search_of(workspace: Workspace, recipe: str, space: str, trials: int, *assignments: str) -> Search:
    pipeline = Pipeline(workspace, loading.load(workspace, "digits"), Options(assignments=[*assignments]))
    return Search(subject(pipeline, recipe, space), trials)


def slept(count: int) -> float:
    """Seconds that a search takes whose trials sleep, on so many workers that are ready."""
    with scratch() as name:
        workspace = digits(Path(name))
        search = search_of(workspace, "sleeping", "luck=0..1", TRIALS)
        with Cluster(Workers(count=count), workspace.root) as cluster:
            cluster.slots()
            started = time.monotonic()
            on_workers.run(search, cluster)
            took = time.monotonic() - started
        folds = sum(1 for _ in workspace.runs("digits").glob("sleeping/*/fold-*/predictions.h5"))
        print(f"  {TRIALS} trials, {folds} folds of 1 s, on {count} workers: {took:.2f} s")
        return took / folds  # a trial that is far behind ends early


def cost(recipe: str, space: str, *assignments: str) -> None:
    """Print what trials of a recipe cost, one after another: as a job each, and in this process."""
    with scratch() as name:
        workspace = digits(Path(name))
        search = search_of(workspace, recipe, space, 2 * ROUNDS + 1, *assignments)
        on_workers.make_caches(search.subject, search.trials)
        by_jobs = sorted(_as_job(workspace, search) for _ in range(ROUNDS))[ROUNDS // 2]
        search.run_next()  # which loads what the others find loaded
        here = []
        for _ in range(ROUNDS):
            started, cpu = time.monotonic(), time.process_time()
            search.run_next()
            here.append((time.process_time() - cpu, time.monotonic() - started))
        alone = sorted(here)[ROUNDS // 2]
        print(f"  | {recipe}, a trial as a job | {by_jobs[0]:.2f} | {by_jobs[1]:.2f} |")
        print(f"  | {recipe}, a trial in this process | {alone[0]:.2f} | {alone[1]:.2f} |")


def _as_job(workspace: Workspace, search: Search) -> tuple[float, float]:
    """Seconds of a core, and seconds, of the next trial as a job."""
    job = on_workers.Trials(search, None, None).job()
    asked = job.for_worker(environment.of_driver(), "ours")
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    answer = on_worker.watched(asked, lambda: True, lambda line: None)
    took, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    assert answer["begun"]
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, took


def main() -> None:
    one, two = slept(1), slept(2)
    verdict("times as fast with two workers as with one", one / two, LEAST)
    print("  | | seconds of a core | seconds |")
    cost("pixels", "c=1e-4..1:log")
    cost("minivggnet", "learning_rate=0.001..0.1:log", "minivggnet.epochs=1", "minivggnet.folds=3")


if __name__ == "__main__":
    main()
