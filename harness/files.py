"""Files written whole or not at all, locks between processes, and room on the disk."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.errors import UserError


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; rename it into place only if the block succeeds.

    A reader sees the old file or the new one, never half of one, and a kill leaves the old one.
    The temporary name is fixed, so what a killed process left is overwritten: callers that may
    meet another process hold ``lock(path)``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp{path.suffix}")
    try:
        yield temporary
        sync(temporary)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def sync(path: Path) -> None:
    """Have the system put a file's contents on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def write_text(path: Path, text: str) -> None:
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object, or None where there is none that can be read: its maker then makes it again."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, UnicodeDecodeError, json.JSONDecodeError):
        return None
    return value if isinstance(value, dict) else None


@contextlib.contextmanager
def lock(path: Path, what: str) -> Iterator[None]:
    """Hold ``path`` against other processes; wait, and say so, while another one holds it.

    The operating system frees the lock when its holder ends, however it ends.
    """
    import filelock

    path.parent.mkdir(parents=True, exist_ok=True)
    held = filelock.FileLock(path.with_name(f".{path.name}.lock"))
    try:
        held.acquire(timeout=0)
    except filelock.Timeout:
        print(
            f"Another harness process is making {what}; waiting for it. Ctrl-C ends the waiting, not the other.",
            file=sys.stderr,
        )
        held.acquire()
    try:
        yield
    finally:
        held.release()


def require_space(folder: Path, needed: int, what: str) -> None:
    """Refuse, in words, work that will not fit on the disk.

    Raises:
        UserError: fewer than ``needed`` bytes (and a small margin) are free.
    """
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < needed + (16 << 20):
        raise UserError(
            f"{what} needs {size(needed)} in {folder}, but only {size(free)} are free there.",
            "free some room (what can be made again: data/*/cache and runs), then run the same command",
        )


def out_of_space(error: BaseException) -> bool:
    """Whether an error means a full disk, or a file larger than the disk or the user's limit allows."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return True
    # h5py may know it in words only: a RuntimeError where it closes the file.
    return any(f"errno = {code}," in str(error) for code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


def size(count: float) -> str:
    """Bytes for people: ``'178.0 MB'``."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
