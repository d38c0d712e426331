"""In a worker: one job in a fresh process, watched until it ends or is not wanted any more.

The process reads what it is asked on its standard input, and ends when that is closed: so it ends too when its worker
is killed. Its standard error is a file, not a pipe, for it has to be able to write when nobody is left to read.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.cluster import environment
from harness.cluster.jobs import JobFailedError, JobKilledError

POLL = 0.1  # seconds
# So long, in seconds, a process that is to end may go on to save what it has.
TO_SAVE = 10.0
TAIL = 20  # lines of a log that a failure shows

# How many processes this worker watches, by the command that asked for them.
_AT_WORK: Counter[str] = Counter()


def run(asked: dict[str, Any]) -> dict[str, Any]:
    """The task that a worker's thread performs.

    Args:
        asked: the job, from ``Job.for_worker``.

    Returns:
        What the process answered, with "host" and "seconds"; or "refused", a message and its fix.

    Raises:
        JobFailedError: the process ended in another way.
    """
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def is_wanted() -> bool:
        # Nobody stops a task that runs: one that was cancelled, or whose driver is gone, is only marked.
        task = worker.state.tasks.get(key)
        return task is None or task.state != "cancelled"

    def tell(line: str) -> None:
        worker.log_event(asked["topic"], {"title": asked["title"], "line": line})

    return watched(asked, is_wanted, tell)


def watched(asked: dict[str, Any], is_wanted: Callable[[], bool], tell: Callable[[str], None]) -> dict[str, Any]:
    """Start a job's process, pass on what it says, and end it when it is not wanted; arguments as of ``run``."""
    started, log = time.monotonic(), _Log(Path(asked["log"]))
    with log.appended() as written:
        process = subprocess.Popen(
            [sys.executable, *asked["command"]],
            cwd=asked["folder"],
            env=environment.of_child(asked["environment"]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=written,
            start_new_session=True,  # a terminal's Ctrl-C is the driver's to hear
        )
    answer: list[bytes] = []
    assert process.stdin is not None and process.stdout is not None
    listening = threading.Thread(target=lambda out=process.stdout: answer.extend(out), daemon=True)
    _AT_WORK[asked["topic"]] += 1
    try:
        listening.start()
        with contextlib.suppress(BrokenPipeError):  # it is dead already, which its exit code tells
            process.stdin.write(json.dumps(asked["asked"] | {"environment": asked["environment"]}).encode() + b"\n")
            process.stdin.flush()
        _watch(process, log, is_wanted, tell)
        listening.join(timeout=1)
    finally:
        process.kill()
        process.wait()
        _AT_WORK[asked["topic"]] -= 1
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
    found = _answered(answer)
    if process.returncode == 0 or "refused" in found:
        return found | {"host": environment.host(), "seconds": round(time.monotonic() - started, 3)}
    ended = f"its process on {environment.host()} {_ended(process.returncode)}"
    kind = JobKilledError if process.returncode < 0 else JobFailedError
    raise kind(f"{asked['title']}: {ended}. The log, {log.file}, ends:\n{log.tail()}")


def at_work(topic: str) -> int:
    """How many processes of one command this worker watches."""
    return _AT_WORK[topic]


def about(folder: str, token: str) -> dict[str, Any]:
    """What a driver wants to know of a worker before it asks anything.

    Args:
        folder: the workspace's.
        token: the name of a file that the driver has just written there.
    """
    # A listing is not answered from a cache as the look-up of a name that was missing may be.
    seen = Path(folder).is_dir() and any(file.name == token for file in Path(folder).iterdir())
    return {"host": environment.host(), "sees": seen, "environment": environment.of_driver()}


def _watch(
    process: subprocess.Popen[bytes], log: _Log, is_wanted: Callable[[], bool], tell: Callable[[str], None]
) -> None:
    stopped: float | None = None
    while process.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(POLL)
        for line in log.new_lines():
            tell(line)
        if stopped is None and not is_wanted():
            stopped = time.monotonic()
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
        if stopped is not None and time.monotonic() - stopped > TO_SAVE:
            process.kill()
    for line in log.new_lines():  # what it said since the last look, or before the first one
        tell(line)


def _answered(lines: list[bytes]) -> dict[str, Any]:
    """The JSON object in the last line that a process printed; {} where there is none."""
    with contextlib.suppress(IndexError, ValueError):
        found = json.loads(lines[-1])
        return found if isinstance(found, dict) else {}
    return {}


def _ended(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    name = signal.Signals(-code).name
    return f"was killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")


class _Log:
    """A file to which a process writes and of which this one reads the new lines.

    Args:
        file: its path.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        file.parent.mkdir(parents=True, exist_ok=True)
        self._read = file.stat().st_size if file.exists() else 0
        self._rest = b""

    def appended(self):
        return self.file.open("ab")

    def new_lines(self) -> list[str]:
        try:
            with self.file.open("rb") as file:
                file.seek(self._read)
                new = file.read()
        except OSError:
            return []
        self._read += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        return [line.decode(errors="replace") for line in lines if line.strip()]

    def tail(self) -> str:
        try:
            lines = self.file.read_bytes().decode(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(f"  {line}" for line in lines[-TAIL:])
