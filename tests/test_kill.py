"""Kills at random moments: whatever was interrupted, the same command ends with the same result."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest

from tests.conftest import CHECKOUT, draw, heed_interrupts

pytestmark = pytest.mark.slow


def workspace(folder: Path, *names: str) -> Path:
    """A workspace with copies of some of the checkout's competitions."""
    for name in names:
        shutil.copytree(CHECKOUT / "competitions" / name, folder / "competitions" / name)
    return folder


def start(folder: Path, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "harness", *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(CHECKOUT), "PATH": "/usr/bin:/bin", "HARNESS_TRUSTED": os.environ["HARNESS_TRUSTED"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=heed_interrupts,
    )


def finish(folder: Path, *arguments: str) -> str:
    process = start(folder, *arguments)
    output, _ = process.communicate()
    assert process.returncode == 0, output
    return output


def kill_at_random(folder: Path, times: int, seconds: float, seed: int, how: signal.Signals, *arguments: str) -> int:
    """Start the command so many times, each ended after a random time; give how many were still running."""
    moments, interrupted = random.Random(seed), 0
    for _ in range(times):
        process = start(folder, *arguments)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=moments.uniform(0.3, seconds))
        if process.poll() is None:
            interrupted += 1
            process.send_signal(how)
        process.communicate()
    return interrupted


def test_digits_killed_ten_times_end_with_the_csv_of_an_undisturbed_run(tmp_path: Path) -> None:
    undisturbed, disturbed = (workspace(tmp_path / name, "digits") for name in ("undisturbed", "disturbed"))
    finish(undisturbed, "submit", "digits")
    assert kill_at_random(disturbed, 10, 25, 1, signal.SIGKILL, "submit", "digits") >= 5
    finish(disturbed, "submit", "digits")
    (expected,) = (undisturbed / "submissions" / "digits").glob("*.csv")
    (found,) = (disturbed / "submissions" / "digits").glob("*.csv")
    assert found.name == expected.name
    assert found.read_bytes() == expected.read_bytes()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_cache_build_killed_twenty_times_ends_with_the_cache_of_an_undisturbed_build(
    tmp_path: Path, save, how: signal.Signals
) -> None:
    for label, name in enumerate(("ants", "bees")):
        for number in range(400):
            save(tmp_path / "photos" / name / f"{number}.jpg", draw(label, number, 300, 400))
    folders = [tmp_path / name for name in ("undisturbed", "disturbed")]
    for folder in folders:
        (folder / "competitions").mkdir(parents=True)
        finish(folder, "new", "insects", "--from", str(tmp_path / "photos"))
    finish(folders[0], "prepare", "insects")
    interrupted = 0
    for seed in range(200):
        interrupted += kill_at_random(folders[1], 1, 3.0, seed, how, "prepare", "insects")
        if interrupted == 20:
            break
        if list(folders[1].glob("data/insects/cache/*.h5")):  # it got to the end: nothing left to interrupt
            shutil.rmtree(folders[1] / "data" / "insects" / "cache")
    assert interrupted == 20
    finish(folders[1], "prepare", "insects")
    caches = [sorted((folder / "data" / "insects" / "cache").glob("*.h5")) for folder in folders]
    assert [file.name for file in caches[0]] == [file.name for file in caches[1]] != []
    for one, other in zip(*caches, strict=True):
        with h5py.File(one) as a, h5py.File(other) as b:
            for name in ("images", "ids", "labels", "state", "checksums", "sums", "square_sums"):
                assert np.array_equal(a[name][:], b[name][:]), name
    assert not list((folders[1] / "data" / "insects" / "cache").glob("*.part"))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small disk needs a privileged user")
    yield folder
    time.sleep(0.1)
    subprocess.run(["umount", folder], check=False)


def resize(disk: Path, size: int) -> None:
    """Make a disk of so many bytes out of it."""
    subprocess.run(["mount", "-o", f"remount,size={size}", disk], check=True)


def test_a_really_full_disk_is_told_in_words_and_nothing_half_written_is_used(disk: Path, save) -> None:
    for label, name in enumerate(("ants", "bees")):
        for number in range(60):
            save(disk.parent / "photos" / name / f"{number}.png", draw(label, number, 64, 64))
    (disk / "competitions").mkdir()
    finish(disk, "new", "insects", "--from", str(disk.parent / "photos"))
    filler = disk / "filler"
    left = shutil.disk_usage(disk).free
    filler.write_bytes(b"x" * (left - 100_000))
    process = start(disk, "prepare", "insects")
    output, _ = process.communicate()
    assert process.returncode == 2, output
    assert "Traceback" not in output
    assert "free" in output and "fix:" in output
    assert not list(disk.glob("data/insects/cache/*.h5"))
    resize(disk, 200 << 20)
    finish(disk, "prepare", "insects")


# Training: all that is random is in it, and a checkpoint after every epoch of a fraction of a second.
TRAINED = '''
from harness.recipes import Network, recipe


@recipe
def net():
    """On 16x16 pixels."""
    return Network(
        network="minivggnet", folds=1, size=(16, 16), pad=1, rotation=10, cutout=3, mixup=0.3, ema=0.8, epochs=60,
        patience=60, batch_size=8, optimizer="adam", learning_rate=1e-4, schedule="cosine", checkpoint=1,
    )


default = net
'''


def to_train(folder: Path, photos: Path) -> Path:
    """A workspace with a tiny competition to train for."""
    (folder / "competitions").mkdir(parents=True)
    finish(folder, "new", "insects", "--from", str(photos))
    (folder / "competitions" / "insects" / "recipes.py").write_text(TRAINED)
    finish(folder, "prepare", "insects")
    return folder


def kept(folder: Path) -> dict[str, int]:
    """The checkpoints that count, and when each was written."""
    return {file.name: file.stat().st_mtime_ns for file in folder.glob("runs/insects/net/*/fold-1/checkpoints/[!.]*")}


def predicted(folder: Path) -> dict[str, np.ndarray]:
    (file,) = folder.glob("runs/insects/net/*/predictions.h5")
    with h5py.File(file) as found:
        tables: dict[str, np.ndarray] = {}
        found.visititems(lambda name, item: tables.update({name: item[:]}) if isinstance(item, h5py.Dataset) else None)
    return tables


def trouble(
    folder: Path, expected: dict[str, np.ndarray], seed: int, happens: Callable[[subprocess.Popen], None]
) -> Iterator[tuple[int, str]]:
    """Train, with something happening at a random moment, twenty times; give what each of these runs answered.

    Training goes on from what the trouble left. After each, all checkpoints that count are whole, and none is gone
    but by training's own hand. Whoever gets to the end has the expected predictions, and begins anew.
    """
    moments, troubled = random.Random(seed), 0
    while troubled < 20:
        before = kept(folder)
        process = start(folder, "train", "insects")
        while process.poll() is None and kept(folder) == before:
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 1.5))
        during = kept(folder)
        if process.poll() is None:
            happens(process)
        output, _ = process.communicate()
        after = kept(folder)
        lost = {name for name in during if name not in after and name.startswith("epoch") and "step" not in name}
        assert not lost, (lost, output)
        for name in after:
            (file,) = folder.glob(f"runs/insects/net/*/fold-1/checkpoints/{name}")
            with zipfile.ZipFile(file) as parts:
                assert parts.testzip() is None, (name, output)
        if process.returncode == 0:
            assert_same(predicted(folder), expected)
            shutil.rmtree(folder / "runs")
        else:
            troubled += 1
            yield process.returncode, output


def assert_same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert found.keys() == expected.keys() != set()
    for name, table in expected.items():
        assert np.array_equal(found[name], table), name


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> tuple[Path, dict[str, np.ndarray]]:
    """Photos to train on, and what training predicts that nothing disturbs."""
    folder = tmp_path_factory.mktemp("undisturbed")
    for label, name in enumerate(("ants", "bees", "wasps")):
        for number in range(40):
            (folder / "photos" / name).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / "photos" / name / f"{number}.png"), draw(label, number))
    finish(to_train(folder / "workspace", folder / "photos"), "train", "insects")
    return folder / "photos", predicted(folder / "workspace")


@pytest.mark.parametrize(("how", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)])
def test_training_ended_twenty_times_ends_with_the_predictions_of_an_undisturbed_run(
    tmp_path: Path, undisturbed, how: signal.Signals, code: int
) -> None:
    photos, expected = undisturbed
    folder = to_train(tmp_path / "workspace", photos)
    for answered, output in trouble(folder, expected, seed=how, happens=lambda process: process.send_signal(how)):
        assert answered == code and "Traceback" not in output, output
        assert how != signal.SIGINT or "the same command goes on from here" in output, output
    finish(folder, "train", "insects")
    assert_same(predicted(folder), expected)


def test_training_on_a_disk_that_is_full_twenty_times_says_so_and_goes_on_when_there_is_room(
    disk: Path, undisturbed
) -> None:
    photos, expected = undisturbed
    resize(disk, 2 << 30)
    to_train(disk, photos)
    room = random.Random(0)

    def fill(process: subprocess.Popen) -> None:
        os.kill(process.pid, signal.SIGSTOP)  # lest it take more room before the disk is small
        resize(disk, shutil.disk_usage(disk).used + room.randrange(1 << 24))
        os.kill(process.pid, signal.SIGCONT)

    for answered, output in trouble(disk, expected, seed=0, happens=fill):
        assert answered == 2 and "Traceback" not in output, output
        assert "the disk is full" in output and "fix:" in output, output
        resize(disk, 2 << 30)
    finish(disk, "train", "insects")
    assert_same(predicted(disk), expected)
