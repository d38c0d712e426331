"""Kills and Ctrl-C over a command's whole timeline: the same CSV in the end; one Ctrl-C ends it in seconds."""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import start
from tests.hostile.suite.processes import begin_anew, csvs, finish, made, wait_for_start
from tests.hostile.suite.tally import Tally, within

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

COUNT = 60
ALLOWED = 5.0  # seconds


def test_kills(draw: random.Random, class_folders, tmp_path: Path, record_property):
    tally = Tally("kills over a command's timeline")
    photos = class_folders(each=20)
    undisturbed, disturbed = (made(tmp_path / name, photos) for name in ("undisturbed", "disturbed"))
    began = time.monotonic()
    assert finish(undisturbed.root, "submit", "insects")[0] == 0
    length, expected = time.monotonic() - began, csvs(undisturbed)
    for killed in within(300, COUNT):
        process = start(disturbed.root, "submit", "insects")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=draw.uniform(0.05, 1.1 * length))
        process.send_signal(signal.SIGKILL)
        _, told = process.communicate()
        with tally.case(f"kill {killed}"):
            found = csvs(disturbed)
            tally.expect(all(expected.get(name) == content for name, content in found.items()), f"{killed}: {[*found]}")
            tally.expect(process.returncode in (0, -signal.SIGKILL), f"{killed}: {process.returncode} {told[-500:]}")
            if process.returncode == 0 or draw.random() < 0.1:
                code, told = finish(disturbed.root, "submit", "insects")
                tally.expect(code == 0 and csvs(disturbed) == expected, f"{killed}: {code} {told[-500:]}")
                begin_anew(disturbed)
    tally.close(record_property)


def test_interrupts(draw: random.Random, class_folders, tmp_path: Path, record_property):
    """The command loads TensorFlow, trains, blends and scores."""
    tally = Tally("Ctrl-C over a command's timeline")
    workspace = made(tmp_path / "workspace", class_folders(each=12), network=True)
    began = time.monotonic()
    code, told = finish(workspace.root, "submit", "insects")
    assert code == 0, told
    length, expected = time.monotonic() - began, csvs(workspace)
    begin_anew(workspace)
    longest = 0.0
    for number in within(420, COUNT):
        process = start(workspace.root, "submit", "insects")
        wait_for_start(process)
        time.sleep(draw.uniform(0, length))
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        sent = time.monotonic()
        with tally.case(f"Ctrl-C {number}"):
            _, told = process.communicate(timeout=120)
            took = time.monotonic() - sent
            if process.returncode == 0:  # it had come to its end
                tally.tried -= 1
                begin_anew(workspace)
                continue
            saves = "Finishing this step, then saving" in told
            longest = max(longest, 0 if saves else took)
            tally.expect(process.returncode == 130, f"{number}: {process.returncode} {told[-600:]}")
            tally.expect("Traceback" not in told, f"{number}: {told[-600:]}")
            tally.expect("the same command goes on from here" in told, f"{number}: {told[-600:]}")
            tally.expect(took < ALLOWED or saves, f"{number}: {took:.1f} s {told[-300:]}")
    code, told = finish(workspace.root, "submit", "insects")
    tally.expect(code == 0 and csvs(workspace) == expected, f"in the end: {code} {told[-500:]}")
    record_property("longest", longest)
    tally.close(record_property)
