"""Atomic file writes, locks between processes, and checks of free disk space."""

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

from harness.utils.errors import UserError


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``, and rename it to ``path`` if the block succeeds.

    A reader sees either the old file or the new one, never a partial one; after a kill the old one is still there.
    The temporary name is fixed, so leftovers of a killed process are overwritten. Where several processes may write
    the same file, callers hold ``lock(path)``.
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
    """Flush a file's contents to the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def write_text(path: Path, text: str) -> None:
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file, or None if the file is missing or damaged, so that the caller writes it again."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, UnicodeDecodeError, json.JSONDecodeError):
        return None
    return value if isinstance(value, dict) else None


@contextlib.contextmanager
def lock(path: Path, what: str) -> Iterator[None]:
    """Lock ``path`` against other processes. If another one holds the lock, print a message and wait for it.

    The operating system releases the lock when the process ends, even if it is killed.

    Args:
        path: what is locked; the lock file lies beside it.
        what: what is being made, for the message.
    """
    import filelock

    path.parent.mkdir(parents=True, exist_ok=True)
    file_lock = filelock.FileLock(path.with_name(f".{path.name}.lock"))
    try:
        file_lock.acquire(timeout=0)
    except filelock.Timeout:
        print(
            f"Another harness process is making {what}; waiting for it. Ctrl-C stops the waiting, not that process.",
            file=sys.stderr,
        )
        file_lock.acquire()
    try:
        yield
    finally:
        file_lock.release()


def require_space(folder: Path, needed: int, what: str) -> None:
    """Raise an error before work that would not fit on the disk.

    Raises:
        UserError: fewer than ``needed`` bytes plus a small margin are free.
    """
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < needed + (16 << 20):
        raise UserError(
            f"{what} needs {size(needed)} in {folder}, but only {size(free)} are free there.",
            "free some room (data/*/cache and runs can be made again), then run the same command",
        )


def out_of_space(error: BaseException) -> bool:
    """Whether an error means a full disk, an exceeded quota, or a file above the size limit."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return True
    # When h5py closes a file it raises a RuntimeError that has the error number in its text only.
    return any(f"errno = {code}," in str(error) for code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


def size(count: float) -> str:
    """A human-readable number of bytes: ``'178.0 MB'``."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
