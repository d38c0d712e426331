"""A cluster of two on this machine: the CSV of one process, whatever is killed; and nothing left behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import psutil
import pytest

from tests.conftest import CHECKOUT, heed_interrupts

pytestmark = pytest.mark.slow

# The three kinds of members: a network, a regression on pixels, and one on a cache of features.
RECIPE = """

@recipe
def three():
    return Blend(of=("pixels", "minivggnet", "lite0"))
"""
COMMAND = ("submit", "digits", "--recipe", "three", "--set", "folds=2", "--set", "minivggnet.epochs=6")
WORKERS = ("--workers", "2")


def workspace(folder: Path) -> Path:
    shutil.copytree(CHECKOUT / "competitions" / "digits", folder / "competitions" / "digits")
    with (folder / "competitions" / "digits" / "recipes.py").open("a") as file:
        file.write(RECIPE)
    return folder


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "harness", *COMMAND, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
        start_new_session=True,  # its processes are one group, as on a terminal, to which Ctrl-C is sent
    )


def results(folder: Path) -> dict[str, bytes]:
    """The CSV, and the rows of the cache of features."""
    (csv,) = (folder / "submissions" / "digits").glob("*-holdout.csv")
    (features,) = (folder / "data" / "digits" / "cache").glob("features-*.h5")
    with h5py.File(features) as h5:
        return {csv.name: csv.read_bytes(), "features": h5["features"][:].tobytes()}


def finish(folder: Path, *arguments: str) -> str:
    process = start(folder, *arguments)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return said


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one process gives."""
    folder = workspace(tmp_path_factory.mktemp("serial"))
    finish(folder)
    return results(folder)


class Disturbed:
    """A command with workers whose processes can be found and killed, with all that it says."""

    def __init__(self, folder: Path) -> None:
        self.process = start(folder, *WORKERS)
        self.said: list[str] = []
        assert self.process.stderr is not None
        threading.Thread(target=self.said.extend, args=(self.process.stderr,), daemon=True).start()
        self.seen: set[psutil.Process] = set()

    def processes(self) -> dict[psutil.Process, str]:
        """All below the command, with what they are called by."""
        found = {}
        for one in psutil.Process(self.process.pid).children(recursive=True):
            try:
                found[one] = " ".join(one.cmdline())
            except psutil.Error:
                continue
        self.seen |= found.keys()
        return found

    def wait_for(self, words: str, kind: Callable[[dict[psutil.Process, str]], list[psutil.Process]]) -> psutil.Process:
        """A process of some kind, once the command has said some words."""
        until = time.monotonic() + 240
        while time.monotonic() < until and self.process.poll() is None:
            found = kind(self.processes())
            if found and any(words in line for line in self.said):
                return found[0]
            time.sleep(0.05)
        raise AssertionError("".join(self.said))

    def end(self) -> int:
        until = time.monotonic() + 300
        while self.process.poll() is None and time.monotonic() < until:
            self.processes()
            time.sleep(0.1)
        return self.process.wait(1)

    def left(self, patience: float = 10.0) -> list[psutil.Process]:
        """What still runs of all that was ever seen, a moment after the end."""
        until = time.monotonic() + patience
        while (left := [one for one in self.seen if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]) and (
            time.monotonic() < until
        ):
            time.sleep(0.1)
        return left


@pytest.fixture
def disturbed(tmp_path: Path) -> Iterator[Disturbed]:
    found = Disturbed(workspace(tmp_path))
    yield found
    found.process.kill()
    for one in found.seen:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()


def training(found: dict[psutil.Process, str]) -> list[psutil.Process]:
    """The children that train a network."""
    return [process for process, words in found.items() if "harness job fold digits minivggnet" in words]


def workers_of_training(found: dict[psutil.Process, str]) -> list[psutil.Process]:
    return [parent for process in training(found) if (parent := process.parent()) is not None]


def test_two_workers_give_the_csv_and_the_features_of_one_process(serial: dict[str, bytes], tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    finish(folder, *WORKERS)
    assert results(folder) == serial
    assert "up to date" in finish(folder) and results(folder) == serial


@pytest.mark.parametrize("which", [training, workers_of_training])
def test_where_a_child_or_a_worker_is_killed_its_job_goes_on_elsewhere(
    serial: dict[str, bytes], tmp_path: Path, disturbed: Disturbed, which
) -> None:
    disturbed.wait_for("ready in", which).kill()
    assert disturbed.end() == 0, "".join(disturbed.said)
    assert results(tmp_path) == serial
    assert disturbed.left() == []


@pytest.mark.parametrize("again", [(), WORKERS])
def test_ctrl_c_saves_all_folds_leaves_no_process_and_the_next_command_goes_on(
    serial: dict[str, bytes], tmp_path: Path, disturbed: Disturbed, again: tuple[str, ...]
) -> None:
    disturbed.wait_for("loading Keras", training)
    until = time.monotonic() + 60
    while not list(tmp_path.glob("runs/digits/minivggnet/*/fold-*/augmentation.png")) and time.monotonic() < until:
        time.sleep(0.05)  # the network is about to be trained
    disturbed.processes()
    asked = time.monotonic()
    os.killpg(disturbed.process.pid, signal.SIGINT)
    assert disturbed.end() == 128 + signal.SIGINT
    assert time.monotonic() - asked < 20  # 10 s and the end of the engine, on a busy machine
    assert disturbed.left() == []
    finish(tmp_path, *again)
    assert results(tmp_path) == serial
