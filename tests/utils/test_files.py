"""Files whole or not at all, locks, and words about room."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.utils import files
from harness.utils.errors import UserError
from tests.conftest import CHECKOUT


def test_a_file_is_replaced_whole_or_stays_as_it_was(tmp_path: Path):
    target = tmp_path / "deep" / "report.txt"
    files.write_text(target, "old")
    with pytest.raises(RuntimeError), files.whole(target) as temporary:
        temporary.write_text("half of the n")
        raise RuntimeError
    assert target.read_text() == "old"
    files.write_text(target, "new\r\n")
    assert target.read_bytes() == b"new\r\n"
    assert [path.name for path in target.parent.iterdir()] == ["report.txt"]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b"null"])
def test_json_that_cannot_be_used_counts_as_missing(tmp_path: Path, content: bytes):
    path = tmp_path / "about.json"
    assert files.read_json(path) is None
    path.write_bytes(content)
    assert files.read_json(path) is None
    files.write_json(path, {"é": 1})
    assert files.read_json(path) == {"é": 1}


# Holds a lock until its standard input is closed, but not for ever, and then makes the thing.
HOLD = """
import select, sys, time
from pathlib import Path
from harness.utils.files import lock
with lock(Path(sys.argv[1]), "a thing"):
    print("held", flush=True)
    select.select([sys.stdin], [], [], 60)
    time.sleep(0.2)
    Path(sys.argv[1]).touch()
"""


def hold(path: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_lock_is_waited_for_aloud_and_freed_by_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "thing"
    with hold(path) as holder, monkeypatch.context() as patched:
        assert holder.stdout.readline() == "held\n"
        said: list[str] = []
        hears = SimpleNamespace(write=lambda text: said.append(text) or holder.stdin.close())  # once it is told
        patched.setattr(sys, "stderr", hears)
        with files.lock(path, "a thing"):
            assert path.exists(), "the other process held it until it was done"
        assert "Another harness process is making a thing" in said[0] and holder.wait(timeout=60) == 0
    with hold(path) as holder:
        assert holder.stdout.readline() == "held\n"
        holder.kill()
        with files.lock(path, "a thing"):
            pass


def test_too_little_room_is_told_in_words(tmp_path: Path):
    files.require_space(tmp_path, 1000, "a cache")
    with pytest.raises(UserError, match=r"a cache needs 1000000\.0 TB .* but only .* are free"):
        files.require_space(tmp_path, 10**18, "a cache")


def test_a_full_disk_is_known_by_its_number_or_its_words():
    assert files.out_of_space(OSError(errno.ENOSPC, "full"))
    assert files.out_of_space(RuntimeError("write failed (errno = 28, error message = 'No space left on device')"))
    assert not files.out_of_space(OSError(errno.ENOENT, "none")) and not files.out_of_space(ValueError("28"))


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (187_100_000, "187.1 MB"), (5e12, "5.0 TB")]
)
def test_sizes_are_told_as_people_say_them(count: float, words: str):
    assert files.size(count) == words


def test_what_others_are_writing_is_left_and_what_a_killed_one_left_goes_after_an_hour(tmp_path: Path):
    young, old = (tmp_path / f".x.csv.{name}.tmp.csv" for name in ("0123abcd", "abcd0123"))
    for file in (young, old):
        file.touch()
    os.utime(old, (0, 0))
    files.write_text(tmp_path / "x.csv", "x")
    assert young.exists() and not old.exists()


def test_a_name_that_was_guessed_is_not_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "victim").write_text("mine")
    (tmp_path / ".x.txt.0123abcd.tmp.txt").symlink_to("victim")
    monkeypatch.setattr(files.secrets, "token_hex", lambda _: "0123abcd")
    with pytest.raises(FileExistsError):
        files.write_text(tmp_path / "x.txt", "theirs")
    assert (tmp_path / "victim").read_text() == "mine" and not (tmp_path / "x.txt").exists()


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    done: list[str] = []
    really = os.replace
    monkeypatch.setattr(files.os, "fsync", lambda _: done.append("fsync"))
    monkeypatch.setattr(files.os, "replace", lambda *paths: done.append("replace") or really(*paths))
    files.write_text(tmp_path / "x.txt", "x")
    assert done == ["fsync", "replace"]


def test_json_under_another_name_counts_as_missing(tmp_path: Path):
    files.write_json(tmp_path / "metrics.json", {"score": 1.0})
    (tmp_path / "metrics.json").rename(tmp_path / "run.json")
    assert files.read_json(tmp_path / "run.json") is None
    assert files.read_json(tmp_path / "run.json", sealed=False) is None


def test_some_room_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1000 + (16 << 20))
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: usage)
    files.require_space(tmp_path, 1000, "a cache")
    with pytest.raises(UserError, match="a cache needs"):
        files.require_space(tmp_path, 1001, "a cache")


def test_a_folder_of_parts_is_found_again_only_where_it_is_ours_alone(tmp_path: Path):
    target = tmp_path / "x.zip"
    ours = files.own_folder(target)
    assert ours.stat().st_mode & 0o777 == 0o700 and files.own_folder(target) == ours
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    link = tmp_path / ".x.zip.00000000.parts"  # the first by name
    link.symlink_to("elsewhere")
    assert files.own_folder(target) == ours
    ours.chmod(0o755)  # others could have put something into it
    assert files.own_folder(target) not in (ours, link)
