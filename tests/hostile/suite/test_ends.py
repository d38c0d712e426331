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
from tests.hostile.suite.processes import begin_anew, csvs, finish, made, measured, wait_for_start, wait_for_work
from tests.hostile.suite.tally import PATIENCE, Tally, within

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

COUNT = 60
ALLOWED = 5.0  # seconds
LONGEST = 480.0  # seconds for all Ctrl-Cs


def test_kills(draw: random.Random, class_folders, tmp_path: Path, record_property):
    tally = Tally("kills over a command's timeline", COUNT)
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
    """The command loads TensorFlow, trains, blends and scores.

    Moments are drawn on its own clock, its CPU time: on a busy machine they are as far along as on an idle one. What an
    interrupted command keeps makes the next one shorter, at most by what it had worked after loading.
    """
    tally = Tally("Ctrl-C over a command's timeline", COUNT)
    workspace = made(tmp_path / "workspace", class_folders(each=12), network=True)
    whole, expected = measured(workspace.root, "submit", "insects"), csvs(workspace)
    loading = measured(workspace.root, "submit", "insects")
    begin_anew(workspace)
    left, longest, end = whole, 0.0, time.monotonic() + PATIENCE * LONGEST
    while tally.tried < COUNT and time.monotonic() < end:
        if left < 1.5 * loading:
            begin_anew(workspace)
            left = whole
        moment = draw.uniform(0, 0.95 * left)
        process = start(workspace.root, "submit", "insects")
        wait_for_start(process)
        wait_for_work(process, moment)
        if process.poll() is not None:  # it did less than the first one: that is no attempt
            _, told = process.communicate()
            tally.expect(process.returncode == 0, f"without Ctrl-C: {process.returncode} {told[-600:]}")
            left = 0
            continue
        process.send_signal(signal.SIGINT)
        longest = max(longest, _ended(tally, process, moment))
        left -= max(0, moment - loading)
    code, told = finish(workspace.root, "submit", "insects")
    tally.expect(code == 0 and csvs(workspace) == expected, f"in the end: {code} {told[-500:]}")
    record_property("longest", longest)
    tally.close(record_property)


def _ended(tally: Tally, process: subprocess.Popen[str], moment: float) -> float:
    """Judge how a command ends after Ctrl-C: the seconds that it took, 0 where it saved first."""
    sent, number = time.monotonic(), tally.tried + 1
    with tally.case(f"Ctrl-C {number}, after {moment:.1f} s"):
        out, told = process.communicate(timeout=120)
        took = time.monotonic() - sent
        if process.returncode == 0 and "next: " in out:
            return 0.0  # it had done all, and was closing
        saves = "Finishing this step, then saving" in told
        tally.expect(process.returncode == 130, f"{number}: {process.returncode} {told[-600:]}")
        tally.expect("Traceback" not in told, f"{number}: {told[-600:]}")
        tally.expect("the same command goes on from here" in told, f"{number}: {told[-600:]}")
        tally.expect(took < ALLOWED or saves, f"{number}: {took:.1f} s {told[-300:]}")
        return 0.0 if saves else took
    return 0.0
