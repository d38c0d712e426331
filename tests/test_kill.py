"""Kills at random moments: whatever was interrupted, the same command ends with the same result."""

from __future__ import annotations

import contextlib
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

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
        env={"PYTHONPATH": str(CHECKOUT), "PATH": "/usr/bin:/bin"},
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


def test_a_really_full_disk_is_told_in_words_and_nothing_half_written_is_used(tmp_path: Path, save) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small disk needs a privileged user")
    try:
        for label, name in enumerate(("ants", "bees")):
            for number in range(60):
                save(tmp_path / "photos" / name / f"{number}.png", draw(label, number, 64, 64))
        (disk / "competitions").mkdir()
        finish(disk, "new", "insects", "--from", str(tmp_path / "photos"))
        filler = disk / "filler"
        left = shutil.disk_usage(disk).free
        filler.write_bytes(b"x" * (left - 100_000))
        process = start(disk, "prepare", "insects")
        output, _ = process.communicate()
        assert process.returncode == 2, output
        assert "Traceback" not in output
        assert "free" in output and "mend:" in output
        assert not list(disk.glob("data/insects/cache/*.h5"))
        subprocess.run(["mount", "-o", "remount,size=200m", disk], check=True)
        finish(disk, "prepare", "insects")
    finally:
        time.sleep(0.1)
        subprocess.run(["umount", disk], check=False)
