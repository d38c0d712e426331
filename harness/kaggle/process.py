"""The process in which Kaggle's client runs: started for one call, and ended with it."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

WORKER = Path(__file__).with_name("worker.py")
GO = "go"
# The worker ends by itself this many seconds after its parent should have ended it.
GRACE = 10.0


class NoSuchPythonError(Exception):
    """There is no such Python."""


class StalledError(Exception):
    """The worker said nothing for too long, and was ended."""


def ask(
    python: str,
    request: dict[str, Any],
    limit: float,
    *,
    alive: Callable[[], bool] = lambda: False,
    bytes_sent: Callable[[int], None] = lambda _: None,
    uploaded: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Let the worker make one call.

    Args:
        python: the Python to run it with.
        request: the call and its arguments.
        limit: seconds without any sign of progress after which the worker is ended.
        alive: asked every second whether there was progress that the worker does not tell of.
        bytes_sent: called with the number of bytes sent so far.
        uploaded: called when a file is uploaded, before the worker gets the word to submit it. If it raises an
            exception, nothing is submitted.

    Returns:
        The answer, or a "failure" with its "detail".

    Raises:
        NoSuchPythonError: ``python`` cannot be run.
        StalledError: the worker was ended.
    """
    worker = _start(python)
    try:
        lines = _lines_of(worker)
        _write(worker, json.dumps(request))
        while (line := _next(lines, limit, alive)) is not None:
            report = _parsed(line)
            if report is None:
                continue
            if "sent" in report:
                bytes_sent(report["sent"])
            elif report.get("stage") == "uploaded":
                uploaded()
                _write(worker, GO)
            elif "stage" not in report:
                return report
        with contextlib.suppress(subprocess.TimeoutExpired):
            worker.wait(GRACE)
        detail = f"the worker exited with code {worker.returncode} without an answer"
        return {"failure": "client", "detail": detail}
    finally:
        worker.kill()
        worker.wait()
        with contextlib.suppress(OSError):
            assert worker.stdin is not None
            worker.stdin.close()


def _next(lines: queue.Queue[str | None], limit: float, alive: Callable[[], bool]) -> str | None:
    """The worker's next line; None at the end.

    Raises:
        StalledError: for ``limit`` seconds it said nothing, and ``alive`` saw no progress.
    """
    heard = time.monotonic()
    while True:
        try:
            return lines.get(timeout=min(limit, 1.0))
        except queue.Empty:
            if alive():
                heard = time.monotonic()
            if time.monotonic() - heard >= limit:
                raise StalledError from None


def _start(python: str) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(
            [python, str(WORKER)],
            # The worker must not import files next to it as libraries, and only this process handles Ctrl-C.
            env=os.environ | {"PYTHONSAFEPATH": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )
    except OSError as error:
        raise NoSuchPythonError(str(error)) from None


def _lines_of(worker: subprocess.Popen[str]) -> queue.Queue[str | None]:
    """What the worker says, line by line; None at the end."""
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        assert worker.stdout is not None
        with contextlib.suppress(OSError, ValueError), worker.stdout as stdout:
            for line in stdout:
                lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    return lines


def _write(worker: subprocess.Popen[str], line: str) -> None:
    """Tell the worker a line. Standard input stays open: its end tells the worker that this process is gone."""
    assert worker.stdin is not None
    with contextlib.suppress(OSError):
        worker.stdin.write(line + "\n")
        worker.stdin.flush()


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
