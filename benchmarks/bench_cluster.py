"""Jobs on workers of this machine: 20 folds that sleep for 2 s on 4 workers against the ideal; a job's overhead."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import verdict

from harness.cluster.engine import Cluster
from harness.cluster.jobs import Job, Workers

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


if __name__ == "__main__":
    main()
