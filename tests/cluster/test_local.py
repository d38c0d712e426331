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

from harness.training.checkpoint import CheckpointStore
from tests.conftest import CHECKOUT, heed_interrupts

pytestmark = pytest.mark.slow

# A network, a regression on pixels, and one on a cache of features.
RECIPE = """

@recipe
def three():
    return Blend(of=("pixels", "minivggnet", "lite0"))
"""
EPOCHS = 6
# A checkpoint an epoch tells, on a fast machine and on a slow one, that training has begun and has not ended.
SETTINGS = ("--set", "folds=2", "--set", f"minivggnet.epochs={EPOCHS}", "--set", "minivggnet.checkpoint=1")
THREE, TWO = ("submit", "digits", "--recipe", "three", *SETTINGS), ("submit", "digits", *SETTINGS)
WORKERS = ("--workers", "2")
# Seconds in which all folds have saved what they have after Ctrl-C, and in which the engine then ends.
TO_SAVE, TO_END = 10.0, 10.0
# On a busy machine all takes longer: CLUSTER_PATIENCE=3 waits three times as long.
PATIENCE = float(os.environ.get("CLUSTER_PATIENCE", "1"))


def workspace(folder: Path) -> Path:
    shutil.copytree(CHECKOUT / "competitions" / "digits", folder / "competitions" / "digits")
    with (folder / "competitions" / "digits" / "recipes.py").open("a") as file:
        file.write(RECIPE)
    return folder


def start(folder: Path, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "harness", *command],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
        start_new_session=True,  # its processes are one group, as on a terminal, to which Ctrl-C is sent
    )


def csv(folder: Path, recipe: str) -> tuple[str, bytes]:
    (file,) = (folder / "submissions" / "digits").glob(f"{recipe}-*-holdout.csv")
    return file.name, file.read_bytes()


def features(folder: Path) -> bytes:
    """The rows of the cache of features."""
    (file,) = (folder / "data" / "digits" / "cache").glob("features-*.h5")
    with h5py.File(file) as h5:
        return h5["features"][:].tobytes()


def finish(folder: Path, *command: str) -> str:
    process = start(folder, *command)
    _, said = process.communicate(timeout=400)
    assert process.returncode == 0, said
    return said


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which one process made all."""
    folder = workspace(tmp_path_factory.mktemp("serial"))
    finish(folder, *THREE)
    finish(folder, *TWO)
    return folder


class Disturbed:
    """A command with workers whose processes can be found and killed, with all that it says."""

    def __init__(self, folder: Path, *command: str) -> None:
        self.process = start(folder, *command)
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

    def kill(self) -> None:
        self.process.kill()
        for one in self.seen:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()


@pytest.fixture
def disturbed(tmp_path: Path) -> Iterator[Disturbed]:
    found = Disturbed(workspace(tmp_path), *TWO, *WORKERS)
    yield found
    found.kill()


def training(found: dict[psutil.Process, str]) -> list[psutil.Process]:
    """The children that train a network."""
    return [process for process, words in found.items() if "harness job fold digits minivggnet" in words]


def workers_of_training(found: dict[psutil.Process, str]) -> list[psutil.Process]:
    return [parent for process in training(found) if (parent := process.parent()) is not None]


def test_two_workers_give_the_csv_and_the_features_of_one_process(serial: Path, tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    finish(folder, *THREE, *WORKERS)
    assert csv(folder, "three") == csv(serial, "three") and features(folder) == features(serial)
    assert "three: up to date" in finish(folder, *THREE)  # nor is there anything left to do for one process


def test_where_a_child_and_then_a_worker_is_killed_their_jobs_go_on_elsewhere(
    serial: Path, tmp_path: Path, disturbed: Disturbed
) -> None:
    killed = disturbed.wait_for("ready in", training)
    killed.kill()
    disturbed.wait_for("ready in", lambda found: [one for one in training(found) if one != killed])
    disturbed.wait_for("ready in", workers_of_training).kill()
    assert disturbed.end() == 0, "".join(disturbed.said)
    assert csv(tmp_path, "blend") == csv(serial, "blend")
    assert disturbed.left() == []


def folds_in_training(found: dict[psutil.Process, str]) -> dict[str, psutil.Process]:
    """The children that train a network, by their folds' numbers, from 1."""
    return {found[process].split()[-1]: process for process in training(found)}


def test_one_ctrl_c_saves_all_folds_within_10_s_leaves_no_process_and_one_process_goes_on(
    serial: Path, tmp_path: Path, disturbed: Disturbed
) -> None:
    def files(fold: str, name: str) -> list[Path]:
        return [*tmp_path.glob(f"runs/digits/minivggnet/*/fold-{fold}/{name}")]

    begun: dict[str, psutil.Process] = {}
    until = time.monotonic() + 240
    while len(begun) < 2:
        assert disturbed.process.poll() is None and time.monotonic() < until, "".join(disturbed.said)
        for fold, process in folds_in_training(disturbed.processes()).items():
            if fold not in begun and files(fold, "checkpoints/epoch-*.npz"):
                begun[fold] = process
                process.suspend()  # so that no fold ends before the other one has begun
        time.sleep(0.02)
    for process in begun.values():
        process.resume()
    asked, asked_at = time.monotonic(), time.time()
    os.killpg(disturbed.process.pid, signal.SIGINT)
    assert disturbed.end() == 128 + signal.SIGINT, "".join(disturbed.said)
    assert time.monotonic() - asked < PATIENCE * (TO_SAVE + TO_END)
    assert disturbed.left() == []
    for fold in begun:
        (folder,) = files(fold, "checkpoints")
        found = CheckpointStore(folder).latest()
        assert found is not None, f"fold {fold} has no checkpoint"
        file, state = found
        saved = file.stat().st_mtime - asked_at
        # A fold that had trained all its epochs has nothing new to save.
        assert 0 <= saved <= PATIENCE * TO_SAVE or state.epoch == EPOCHS, f"fold {fold}: {file.name}, {saved:.1f} s"
    finish(tmp_path, *TWO)
    assert csv(tmp_path, "blend") == csv(serial, "blend")
