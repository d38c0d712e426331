"""Files whole or not at all, locks, and words about room."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

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


HOLD = """
import sys, time
from pathlib import Path
from harness.utils.files import lock
with lock(Path(sys.argv[1]), "a thing"):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def hold(path: Path, seconds: float) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), str(seconds)],
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_lock_is_waited_for_aloud_and_freed_by_a_kill(tmp_path: Path, capsys):
    path = tmp_path / "thing"
    with hold(path, 2.0) as holder:
        assert holder.stdout.readline() == "held\n"
        with files.lock(path, "a thing"):
            assert holder.wait(timeout=60) == 0
    assert "Another harness process is making a thing" in capsys.readouterr().err
    with hold(path, 60) as holder:
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
