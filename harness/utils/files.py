"""Atomic file writes, locks between processes, and checks of free disk space."""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import json
import os
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from harness.utils.csv_text import csv_text
from harness.utils.errors import UserError

# The name under which a JSON object holds a digest of all else in it.
DIGEST = "digest"


@contextlib.contextmanager
def whole(path: Path, private: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside ``path``, and rename it to ``path`` if the block succeeds.

    A reader sees either the old file or the new one, never a partial one; after a kill the old one is still there.
    The temporary name cannot be guessed, and is made anew: no link that lies there already is followed. Leftovers of
    killed processes go after an hour. Where several processes may write the same file, callers hold ``lock(path)``.

    Args:
        path: the file.
        private: nobody but its owner may read it.
    """
    temporary = _new_name(path)
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600 if private else 0o666))
    try:
        yield temporary
        sync(temporary)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """The same for a folder: yield a new one beside ``path``, and rename it to ``path`` if the block succeeds.

    A folder that is there already is replaced. What killed processes left goes at once: callers hold ``lock(path)``.
    """
    temporary, replaced = _new_name(path, 0), _new_name(path, 0)
    temporary.mkdir()
    try:
        yield temporary
        if path.exists() or path.is_symlink():
            path.replace(replaced)  # not removed in place: a partly removed folder would still be taken for whole
        temporary.replace(path)
    finally:
        _remove(temporary, replaced)


def own_folder(path: Path) -> Path:
    """A folder beside ``path`` that only this user can enter, for parts of ``path`` that a later process goes on with.

    It is made under a name that nobody can guess, and found again as long as it is there. A link, or a folder that is
    another user's or open to others, is not taken for it. Callers hold ``lock(path)``.
    """
    for folder in sorted(path.parent.glob(f".{glob.escape(path.name)}.????????.parts")):
        about = folder.lstat()
        is_ours = about.st_uid == getattr(os, "geteuid", lambda: 0)()
        if stat.S_ISDIR(about.st_mode) and is_ours and not stat.S_IMODE(about.st_mode) & 0o077:
            return folder
    folder = path.with_name(f".{path.name}.{secrets.token_hex(4)}.parts")
    folder.mkdir(mode=0o700, parents=True)
    return folder


def _new_name(path: Path, age: float = 3600) -> Path:
    """A name beside a path that nobody can guess; what was left under such names goes at an age in seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove(
        *(
            leftover
            for leftover in path.parent.glob(f".{glob.escape(path.name)}.????????.tmp{path.suffix}")
            if time.time() - leftover.lstat().st_mtime >= age
        )
    )
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp{path.suffix}")


def _remove(*paths: Path) -> None:
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Flush a file's contents to the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def write_text(path: Path, text: str, private: bool = False) -> None:
    """Write a UTF-8 file as it stands; arguments as for ``whole``."""
    with whole(path, private) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write a JSON object with a digest of itself and of the file's name, so that ``read_json`` notices an edit."""
    digest = _digest_of(value, path.name)
    write_text(path, json.dumps({DIGEST: digest, **value}, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path, sealed: bool = True) -> dict[str, Any] | None:
    """The JSON object in a file without its digest, or None if it is missing, damaged or edited: to be made again.

    Args:
        path: what ``write_json`` wrote.
        sealed: refuse a file without a digest, too. Those of earlier versions have none: where one is costly to make
            again, as a run is, or written by hand, it is read as it stands.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError, RecursionError):
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:  # links that lead to each other
            return None
        raise
    if not isinstance(value, dict):
        return None
    digest = value.pop(DIGEST, None)
    # An earlier version's digest did not hold the name.
    is_whole = digest in (_digest_of(value, path.name), _digest_of(value, ""))
    return value if is_whole or (digest is None and not sealed) else None


def _digest_of(value: dict[str, Any], name: str) -> str:
    # As it will be read back: tuples are lists, and keys are strings.
    text = json.dumps(json.loads(json.dumps(value)), sort_keys=True) + name
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def write_table(
    path: Path, header: Iterable[object], rows: Iterable[Iterable[object]], made_from: str, **about: Any
) -> None:
    """Write a CSV, and beside it ``<name>.json`` with its key, its digest, and what else there is to know."""
    write_text(path, csv_text(header, rows))
    # The JSON file is written last: a table without a matching one is not used.
    write_json(path.with_suffix(".json"), {"made_from": made_from, "table": digest(path), **about})


def table_about(path: Path, made_from: str) -> dict[str, Any] | None:
    """What ``write_table`` noted of a file, if the file is as it was written, from ``made_from``; else None."""
    about = read_json(path.with_suffix(".json"))
    if about is None or about.get("made_from") != made_from:
        return None
    return about if path.is_file() and about.get("table") == digest(path) else None


def digest(path: Path) -> str:
    """A short hash of a file's content."""
    return hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()


@contextlib.contextmanager
def lock(path: Path, what: str) -> Iterator[None]:
    """Lock ``path`` against other processes. If another one holds the lock, print a message and wait for it.

    The operating system releases the lock when the process ends, even if it is killed. Where nothing can be written,
    as on a read-only disk, there is nothing to lock: what is read there nobody changes.

    Args:
        path: what is locked; the lock file lies beside it.
        what: what is being made, for the message.
    """
    import filelock

    file_lock = filelock.FileLock(path.with_name(f".{path.name}.lock"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file_lock.acquire(timeout=0)
    except OSError as error:
        if not isinstance(error, filelock.Timeout):
            if error.errno == errno.EROFS or (error.errno == errno.EACCES and not os.access(path.parent, os.W_OK)):
                yield
                return
            raise
        print(
            f"Another harness process is making {what}; waiting for it. Ctrl-C stops the waiting, not that process.",
            file=sys.stderr,
        )
        file_lock.acquire()
    try:
        yield
    finally:
        file_lock.release()


# What is to be done about a full disk.
FREE_ROOM = "free some room (data/*/cache and runs can be made again), then run the same command"


class NoRoomError(UserError):
    """Work was refused that would not fit on the disk."""


def require_space(folder: Path, needed: int, what: str) -> None:
    """Raise an error before work that would not fit on the disk.

    Raises:
        NoRoomError: fewer than ``needed`` bytes plus a small margin are free.
    """
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < needed + (16 << 20):
        raise NoRoomError(
            f"{what} needs {size(needed)} in {folder}, but only {size(free)} are free there.",
            FREE_ROOM,
        )


def out_of_space(error: BaseException) -> bool:
    """Whether an error means a full disk, one that would be full, an exceeded quota, or a file above the size limit."""
    if isinstance(error, NoRoomError):
        return True
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


def require_empty(folder: Path, leftovers: str = "") -> None:
    """Refuse to write to a folder that holds something.

    Args:
        folder: may be missing.
        leftovers: a pattern of names that do not count.

    Raises:
        UserError: it holds something, or is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file, and a folder is to be written.", "give a new folder with --to")
    if folder.exists() and not all(leftovers and one.match(leftovers) for one in folder.iterdir()):
        raise UserError(f"{folder} is not empty.", "give a new folder with --to")


def shown_path(path: Path) -> str:
    """A path for messages, which can be copied: relative to the current folder if it is below that, else absolute."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except (ValueError, OSError):  # elsewhere; or the current folder is gone
        return str(path)
