"""The sending process is killed, wherever it stands, and started again at once: Kaggle has the file once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.kaggle.ledger import Ledger
from tests.conftest import CHECKOUT, heed_interrupts
from tests.kaggle.conftest import slow
from tests.kaggle.stub import Stub

DOUBT = 30.0  # long enough for a busy machine to start the second run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "x.csv"
    made.write_text("id,label\n1,cat\n")
    return made


def start(file: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.kaggle.sending", str(file), str(DOUBT)],
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    )


def wait_for(stub: Stub, call: str) -> None:
    end = time.monotonic() + 120
    while not stub.calls[call]:
        assert time.monotonic() < end, call
        time.sleep(0.01)


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    """The processes that a process started."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(pid) for pid in children.read_text().split()] if children.is_file() else []


@pytest.mark.parametrize(
    ("call", "how"),
    [
        ("PUT", signal.SIGKILL),
        slow("CreateSubmission", signal.SIGKILL),
        *(slow("StartSubmissionUpload", how) for how in (signal.SIGKILL, signal.SIGTERM)),
        *(slow(call, how) for how in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
          for call in ("PUT", "CreateSubmission")),
        slow("ListSubmissions", signal.SIGKILL),
    ],
    ids=str,
)  # fmt: skip
def test_it_is_killed_and_started_again_at_once(stub: Stub, file: Path, call: str, how: signal.Signals):
    """What it had asked for goes on at Kaggle, two seconds later."""
    stub.faults[call] = [("slow", 2.0)]
    first = start(file)
    wait_for(stub, call)
    first.send_signal(how)
    _, told = first.communicate(timeout=60)
    assert first.returncode != 0
    second = start(file)
    out, more = second.communicate(timeout=300)
    time.sleep(2.0)  # an orphan would have had time enough
    assert len(stub.submissions) == 1, (told, more)
    assert (second.returncode, out.strip()) == (0, "pending"), more
    (last,) = Ledger(file.with_name("ledger.csv")).latest()
    assert (last.status, last.reference) == ("pending", "1000")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("call", [slow("PUT"), slow("CreateSubmission")])
def test_its_worker_is_killed(stub: Stub, file: Path, call: str):
    stub.faults[call] = [("slow", 2.0)]
    first = start(file)
    wait_for(stub, call)
    for pid in workers_of(first):
        os.kill(pid, signal.SIGKILL)
    out, told = first.communicate(timeout=300)
    if call == "PUT":
        assert "without an answer" in told and first.returncode == 1
        out, told = start(file).communicate(timeout=300)
    assert out.strip() == "pending" and len(stub.submissions) == 1, told


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_worker_does_not_outlive_its_parent(stub: Stub, file: Path):
    stub.faults["PUT"] = [("slow", 60.0)]
    process = start(file)
    wait_for(stub, "PUT")
    (worker,) = workers_of(process)
    process.kill()
    process.communicate()
    end = time.monotonic() + 20
    while Path(f"/proc/{worker}").exists() and "State:\tZ" not in Path(f"/proc/{worker}/status").read_text():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [3.0, 12.0])
def test_kaggle_files_it_late(stub: Stub, file: Path, seconds: float):
    stub.faults["CreateSubmission"] = [("late", seconds)]
    first = start(file)
    wait_for(stub, "CreateSubmission")
    first.kill()
    first.communicate()
    out, told = start(file).communicate(timeout=300)
    assert out.strip() == "pending" and len(stub.submissions) == 1, told
    assert "does not list it yet" in told


@pytest.mark.slow
def test_kaggle_lists_it_late(stub: Stub, file: Path):
    stub.faults["CreateSubmission"], stub.unlisted = ["lost"], 4
    out, told = start(file).communicate(timeout=300)
    assert out.strip() == "pending" and len(stub.submissions) == 1, told


@pytest.mark.slow
def test_two_that_send_the_same_at_the_same_time(stub: Stub, file: Path):
    stub.faults["PUT"] = [("slow", 1.0)]
    both = [start(file), start(file)]
    assert [process.communicate(timeout=300)[0].strip() for process in both] == ["pending", "pending"]
    assert len(stub.submissions) == 1
