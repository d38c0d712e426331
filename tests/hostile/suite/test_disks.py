"""Full and read-only disks: a word and exit 2, nothing half-written is used, and reading needs no room."""

from __future__ import annotations

import random
import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import start
from tests.hostile.suite.processes import begin_anew, csvs, finish, made
from tests.hostile.suite.tally import Tally, within

SIZES = 20
READING: list[tuple[str, ...]] = [
    ("list",), ("list", "insects"), ("status", "insects"), ("runs", "insects"), ("score", "insects"),
    ("score", "insects", "CSV"), ("lint", "insects", "CSV"), ("cache", "ls"),
    ("leaderboard", "insects"), ("submit", "insects"), ("inspect", "minivggnet"),
]  # fmt: skip
WRITING: list[tuple[str, ...]] = [
    ("cache", "verify", "insects"),
    ("train", "insects", "--set", "c=0.7"), ("report", "insects", "coarse"), ("cache", "rm", "insects"),
    ("new", "more", "--from", "PHOTOS"), ("export", "insects", "coarse", "--to", "exported"), ("check", "insects"),
]  # fmt: skip


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "none", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a disk needs a privileged user")
    yield folder
    subprocess.run(["umount", "-l", folder], check=False)


def remount(disk: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", disk], check=True)


def in_words(tally: Tally, what: str, code: int, told: str, allowed: tuple[int, ...] = (0, 2)) -> None:
    tally.expect(code in allowed, f"{what}: {code} {told[-700:]}")
    tally.expect("Traceback" not in told, f"{what}: {told[-700:]}")


def test_full_disks(draw: random.Random, disk: Path, class_folders, tmp_path: Path, record_property):
    tally = Tally("full disks", SIZES)
    workspace = made(disk, class_folders(each=40), network=True)
    used = shutil.disk_usage(disk).used
    code, told = finish(disk, "submit", "insects")
    assert code == 0, told
    expected, needed = csvs(workspace), shutil.disk_usage(disk).used - used
    begin_anew(workspace)
    used = shutil.disk_usage(disk).used
    for number in within(240, SIZES):
        room = int(needed * draw.uniform(0, 1.05)) // 4096 * 4096
        # The harness asks for 16 MB of free room before it builds a cache: let it begin, then take the room away.
        process = _with_room(disk, used + room, draw)
        with tally.case(f"{room:,} bytes"):
            out, err = process.communicate(timeout=200)
            in_words(tally, f"{number}: {room:,} bytes", process.returncode, out + err)
            said = "full" in err or "free" in err
            tally.expect(process.returncode == 0 or said, f"{number}: {room:,} bytes: {err[-500:]}")
            remount(disk, "size=200m")
            if draw.random() < 0.4:
                code, told = finish(disk, "submit", "insects")
                tally.expect(code == 0 and csvs(workspace) == expected, f"{number}: afterwards {code} {told[-500:]}")
                begin_anew(workspace)
    code, told = finish(disk, "submit", "insects")
    tally.expect(code == 0 and csvs(workspace) == expected, f"in the end: {code} {told[-500:]}")
    tally.close(record_property)


def _with_room(disk: Path, size: int, draw: random.Random) -> subprocess.Popen[str]:
    """Start the command; its disk becomes small, at once or later."""
    process = start(disk, "submit", "insects")
    try:
        process.wait(timeout=draw.choice([0.1, 1, 2, 4, 6, 8]))
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGSTOP)  # lest it take more room meanwhile
        remount(disk, f"size={max(size, shutil.disk_usage(disk).used + draw.randrange(1 << 18))}")
        process.send_signal(signal.SIGCONT)
    return process


def test_files_that_may_not_grow(draw: random.Random, class_folders, tmp_path: Path, record_property):
    """Every write fails above a size: what a quota or an old file system does."""
    tally = Tally("limits of files' sizes", SIZES)
    workspace = made(tmp_path / "workspace", class_folders(each=30))
    code, told = finish(workspace.root, "submit", "insects")
    assert code == 0, told
    expected = csvs(workspace)
    for number in within(180, SIZES):
        begin_anew(workspace)
        most = draw.choice([0, 1, 100, draw.randrange(5000), draw.randrange(50_000), draw.randrange(500_000)])
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
        try:
            process = start(workspace.root, "submit", "insects")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        with tally.case(f"{most:,} bytes"):
            out, err = process.communicate(timeout=200)
            in_words(tally, f"{number}: {most:,} bytes", process.returncode, out + err)
            found = csvs(workspace)
            tally.expect(all(expected.get(name) == text for name, text in found.items()), f"{number}: {[*found]}")
    code, told = finish(workspace.root, "submit", "insects")
    tally.expect(code == 0 and csvs(workspace) == expected, f"in the end: {code} {told[-500:]}")
    tally.close(record_property)


def test_read_only_disks(disk: Path, class_folders, harness, record_property, monkeypatch):
    tally = Tally("read-only disks")
    photos = class_folders(each=20)
    workspace = made(disk, photos)
    monkeypatch.chdir(disk)
    assert harness("submit", "insects").code == 0
    (csv,) = workspace.submissions("insects").glob("blend-*.csv")
    before = {path: path.stat().st_mtime_ns for path in disk.rglob("*") if path.is_file()}
    places = {"CSV": str(csv), "PHOTOS": str(photos)}
    remount(disk, "ro")
    for command in READING + WRITING:
        with tally.case(" ".join(command)):
            answer = harness(*(places.get(part, part) for part in command))
            allowed = (0,) if command in READING else (0, 2)
            in_words(tally, " ".join(command), answer.code, answer.err, allowed)
    remount(disk, "rw")
    shutil.rmtree(workspace.runs("insects"))
    remount(disk, "ro")
    for command in READING + WRITING:
        with tally.case(f"{' '.join(command)}, without runs"):
            answer = harness(*(places.get(part, part) for part in command))
            in_words(tally, f"{' '.join(command)}, without runs", answer.code, answer.err)
    remount(disk, "rw")
    after = {path: path.stat().st_mtime_ns for path in disk.rglob("*") if path.is_file()}
    tally.expect(after.items() <= before.items(), "something was written")
    tally.close(record_property)
