"""Jobs on workers of this machine: 20 folds that sleep for 2 s on 4 workers against the ideal; what a job costs.

A job's cost is what is not its fold: starting Python, importing, reading the table of images, opening caches. In one
process it is paid once; a network's job also loads Keras and compiles, which its fold's seconds include.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import verdict

from harness.cluster.engine import Cluster
from harness.cluster.jobs import Job, Workers
from harness.pipeline.elsewhere import Elsewhere
from harness.pipeline.graph import Pipeline
from harness.pipeline.prepared import Options
from harness.plugins import loading
from harness.utils.files import read_json
from harness.utils.workspace import Workspace

CHECKOUT = Path(__file__).resolve().parents[1]

FOLDS, SECONDS, WORKERS, MOST = 20, 2.0, 4, 1.15
# -S: site-packages hold hooks of other packages, whose time is not the engine's.
SLEEPING = ("-S", "-c", f"import time; time.sleep({SECONDS})")


def jobs(folder: Path, command: tuple[str, ...], count: int) -> list[Job]:
    return [Job(f"fold {number}", command, {}, folder / f"{number}.txt", folder) for number in range(count)]


def timed(cluster: Cluster, of: list[Job]) -> float:
    started = time.monotonic()
    cluster.begin(of)
    cluster.finish(of)
    return time.monotonic() - started


def cost(cluster: Cluster, workspace: Workspace, name: str, *assignments: str) -> tuple[float, float]:
    """Seconds that each fold of a recipe of the digits takes as a job, one after another; and of these in its fold."""
    digits = loading.load(workspace, "digits")
    pipeline = Pipeline(workspace, digits, Options(assignments=[*assignments]))
    chosen = pipeline.artifacts.choose([name])
    pipeline.perform(chosen, only=("folds", "images"))
    jobs = Elsewhere(pipeline.artifacts, cluster, chosen, pipeline.of_folds)
    started = time.monotonic()
    jobs.finish(name)
    took = time.monotonic() - started
    records = [read_json(file) or {} for file in pipeline.artifacts.run_of(name).folder.glob("fold-*/fold.json")]
    return took / len(records), sum(record["seconds"] for record in records) / len(records)


def real_jobs() -> None:
    """A table of what jobs of two recipes cost."""
    with tempfile.TemporaryDirectory() as name:
        workspace = Workspace(Path(name))
        shutil.copytree(CHECKOUT / "competitions" / "digits", workspace.competition("digits"))
        os.environ["HARNESS_TRUSTED"] = name
        with Cluster(Workers(count=1), workspace.root) as cluster:
            cluster.slots()
            for recipe, settings in {"pixels": (), "minivggnet": ("epochs=1", "folds=3")}.items():
                took, fold = cost(cluster, workspace, recipe, *settings)
                print(f"  | a fold of {recipe} as a job, of which in its fold {fold:.2f} | {took:.3f} |")


def main() -> None:
    with tempfile.TemporaryDirectory() as name, Cluster(Workers(count=WORKERS), Path(name)) as cluster:
        folder = Path(name)
        started = time.monotonic()
        cluster.slots()
        print(f"  {WORKERS} workers are ready after {time.monotonic() - started:.2f} s")
        ideal = FOLDS / WORKERS * SECONDS
        took = timed(cluster, jobs(folder, SLEEPING, FOLDS))
        print(f"  {FOLDS} folds of {SECONDS:g} s on {WORKERS} workers: {took:.2f} s; ideal {ideal:g} s")
        verdict("times the ideal", took / ideal, MOST, at_least=False)
        nothing = ("-S", "-c", "pass")
        started = time.monotonic()
        for _ in range(FOLDS):
            subprocess.run([sys.executable, *nothing], check=True)
        alone = (time.monotonic() - started) / FOLDS
        by_jobs = sum(timed(cluster, jobs(folder, nothing, 1)) for _ in range(FOLDS)) / FOLDS
        print("  | one after another | seconds each |")
        print(f"  | an empty Python process | {alone:.3f} |")
        print(f"  | the same as a job | {by_jobs:.3f} |")
    real_jobs()


if __name__ == "__main__":
    main()
