"""Jobs on real workers: tried again, given up, refused; a scheduler of one's own; and who can reach all that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from harness.cluster import engine
from harness.cluster.engine import Cluster
from harness.cluster.jobs import TRIES, Job, JobFailedError, Workers
from harness.utils.errors import UserError

pytestmark = pytest.mark.slow

# Counts its tries in a file, and fails until there are so many.
TRIED = """
import pathlib, sys
tries = pathlib.Path("tries")
tries.write_text(tries.read_text() + "x" if tries.exists() else "x")
print("try", len(tries.read_text()), file=sys.stderr)
sys.exit(len(tries.read_text()) < {needed})
"""


def job(folder: Path, code: str, title: str = "a job") -> Job:
    return Job(title, ("-c", code), {}, folder / f"{title}.txt", folder)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(Workers(count=2), tmp_path_factory.mktemp("workspace")) as found:
        yield found


def done(cluster: Cluster, *jobs: Job) -> None:
    cluster.begin([*jobs])
    cluster.finish([*jobs])


def test_a_job_that_fails_twice_is_done_and_one_that_fails_three_times_is_told_with_its_log(
    cluster: Cluster, tmp_path: Path
) -> None:
    done(cluster, job(tmp_path, TRIED.format(needed=TRIES)))
    assert (tmp_path / "tries").read_text() == "xxx"
    (tmp_path / "tries").unlink()
    with pytest.raises(JobFailedError, match=r"(?s)ended with exit code 1.*try 3"):
        done(cluster, job(tmp_path, TRIED.format(needed=9)))
    assert (tmp_path / "tries").read_text() == "xxx"


def test_what_only_the_user_can_fix_is_not_tried_again_and_what_else_waits_is_given_up(
    cluster: Cluster, tmp_path: Path
) -> None:
    refused = json.dumps({"refused": {"what": "no.", "fix": "do it"}})
    code = f"open('tries', 'a').write('x'); print('{refused}'); raise SystemExit(2)"
    others = [job(tmp_path, "import time; time.sleep(60)", f"other {number}") for number in range(4)]
    with pytest.raises(UserError, match=r"^no\.$") as told:
        done(cluster, job(tmp_path, code), *others)
    assert told.value.fix == "do it" and (tmp_path / "tries").read_text() == "x"
    done(cluster, job(tmp_path, "pass", "afterwards"))  # the workers are free again


# Ends well only if the other one runs at the same time.
BOTH = """
import pathlib, sys, time
pathlib.Path("begun-{mine}").touch()
until = time.monotonic() + 120
while not pathlib.Path("begun-{other}").exists():
    if time.monotonic() > until:
        sys.exit("alone")
    time.sleep(0.05)
"""


def test_no_job_waits_behind_another_one_while_a_worker_is_idle(cluster: Cluster, tmp_path: Path) -> None:
    """Dask alone put two long jobs on the worker that was free first, and left the other one idle after its job."""
    before = [job(tmp_path, f"import time; time.sleep({seconds})", f"before {seconds}") for seconds in (2, 5)]
    cluster.begin(before)
    time.sleep(1)
    both = [job(tmp_path, BOTH.format(mine=mine, other=1 - mine), f"both {mine}") for mine in (0, 1)]
    cluster.begin(both)
    cluster.finish([*before, *both])
    assert "alone" not in "".join(one.log.read_text() for one in both)


def test_nothing_listens_beyond_the_loopback_interface(cluster: Cluster, tmp_path: Path) -> None:
    done(cluster, job(tmp_path, "pass"))
    ours = psutil.Process()
    listening = [
        connection.laddr.ip
        for process in (ours, *ours.children(recursive=True))
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= 5 and set(listening) == {"127.0.0.1"}


def test_a_workers_environment_is_not_the_drivers(cluster: Cluster, tmp_path: Path) -> None:
    code = "import os; open('threads', 'w').write(os.environ.get('OMP_NUM_THREADS', 'as ever'))"
    done(cluster, job(tmp_path, code))
    assert (tmp_path / "threads").read_text() == os.environ.get("OMP_NUM_THREADS", "as ever")  # Dask would set 1


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A scheduler of one's own, without workers."""
    file = tmp_path / "scheduler.json"
    command = ("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    process = dask(*command, "--dashboard-address", "127.0.0.1:0", "--scheduler-file", str(file))
    while not file.exists() or not file.read_text():
        time.sleep(0.05)
    yield json.loads(file.read_text())["address"]
    process.terminate()
    process.wait()


def dask(module: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def test_a_scheduler_of_ones_own_is_asked_and_its_workers_stay(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "TO_ANSWER", 1)
    with pytest.raises(UserError, match="has no workers"), Cluster(Workers(address=address), tmp_path) as none:
        none.slots()
    monkeypatch.setattr(engine, "TO_ANSWER", 60)
    options = ("--host", "127.0.0.1", "--nthreads", "1", "--no-dashboard", "--dashboard-address", "127.0.0.1:0")
    worker = dask("distributed.cli.dask_worker", address, *options)
    try:
        for _ in range(2):
            with Cluster(Workers(address=address), tmp_path) as found:
                done(found, job(tmp_path, "open('seen', 'a').write('x')"))
        assert (tmp_path / "seen").read_text() == "xx" and worker.poll() is None
        assert list(tmp_path.glob(".workers-*")) == []
        monkeypatch.setattr(Path, "touch", lambda path: None)  # as on a machine with another folder at that path
        with (
            pytest.raises(UserError, match="is not the same folder on"),
            Cluster(Workers(address=address), tmp_path) as f,
        ):
            f.slots()
    finally:
        worker.terminate()
        worker.wait()


def test_where_no_scheduler_answers_it_is_told_with_what_starts_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "TO_ANSWER", 1)
    with pytest.raises(UserError, match="no scheduler answers") as told:
        Cluster(Workers(address="tcp://127.0.0.1:9"), tmp_path).slots()
    assert "dask_scheduler" in str(told.value.fix)
