"""What libpng and libjpeg complain of while an image is decoded: told once, with the names of the files.

They write to file descriptor 2 from C, and do not know the file's name; with several threads nobody could tell whose
image it was. On Linux a thread can have file descriptors of its own (``unshare``). Threads that do nothing but decode
bytes have a 2 that leads into memory; all other threads, those that read files among them, keep what they have. Where
a system forbids that, the libraries' words reach the terminal as they are.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from harness.utils.console import say
from harness.utils.errors import some

Result = TypeVar("Result")

CLONE_FILES = 0x400  # of Linux's sched.h


class _Thread(threading.local):
    """What a thread knows of itself.

    Attributes:
        decodes: whether it does nothing but decode.
        memory: what 2 leads into in such a thread; None where the system forbids that.
        decoding: the threads that decode for this one.
        words: what was heard since the outermost ``of``; None outside.
    """

    decodes: bool = False
    memory: int | None = None
    decoding: ThreadPoolExecutor | None = None
    words: list[str] | None = None


_thread = _Thread()
# Words by source, of each kind of complaint: those that differ in numbers alone are of one kind. Each is told once.
_known: dict[str, dict[str, str]] = {}
_NUMBER = re.compile(r"0x[0-9a-f]+|\d+")
_told: set[tuple[str, str]] = set()
_changing = threading.Lock()


@contextmanager
def decoders(count: int | None) -> Iterator[ThreadPoolExecutor]:
    """A pool of threads that decode images; what is complained of is told when they are done.

    Where an exception ends the context, Ctrl-C among them, what waits for a thread is dropped.

    Args:
        count: of threads; None for as many as there are cores.
    """
    count = count or os.cpu_count()
    try:
        with (
            ThreadPoolExecutor(count, initializer=_listen) as threads,
            ThreadPoolExecutor(count, initializer=_decode_in, initargs=(threads,)) as pool,
        ):
            try:
                yield pool
            except BaseException:  # the images that no thread has begun are not waited for
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    finally:
        _tell()


@contextmanager
def of(source: str) -> Iterator[None]:
    """A context in which this thread decodes the image of that name."""
    _thread.words = []
    try:
        yield
    finally:
        words, _thread.words = "; ".join(dict.fromkeys(_thread.words)), None
        if words:
            with _changing:
                if (words, source) not in _told:
                    _told.add((words, source))
                    _known.setdefault(_NUMBER.sub("…", words), {})[source] = words
            if _thread.decoding is None and not _thread.decodes:
                _tell()


def decoding(work: Callable[[], Result]) -> Result:
    """Call something that opens no file and may decode many images: from a thread of ``decoders``, in one that decodes.

    Handing over takes a tenth of a millisecond, which is more than decoding a small image does.
    """
    return work() if _thread.decoding is None else _thread.decoding.submit(work).result()


def hearing(decode: Callable[[], Result]) -> tuple[Result, list[str]]:
    """Call something that decodes one image from memory: its result, and what C code wrote to standard error meanwhile.

    It runs in a thread that has no files open. A thread that is none of ``decoders`` starts one.
    """
    if _thread.decodes:
        return _heard(decode)
    if _thread.decoding is not None:
        return _thread.decoding.submit(_heard, decode).result()
    with ThreadPoolExecutor(1, initializer=_listen) as pool:
        return pool.submit(_heard, decode).result()


def note(words: list[str]) -> None:
    """Keep what was heard for the image that ``of`` names; without one, write it to standard error."""
    if _thread.words is not None:
        _thread.words += words
    elif words:
        print("\n".join(words), file=sys.stderr)


def _decode_in(threads: ThreadPoolExecutor) -> None:
    _thread.decoding = threads


def _listen() -> None:
    """Give this thread file descriptors of its own, where the system has such a thing.

    Those that it inherits are closed: a lock or a pipe that other threads close would stay open in it.
    """
    _thread.decodes = True
    if not sys.platform.startswith("linux"):
        return
    try:
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_FILES) == 0:
            os.closerange(3, os.sysconf("SC_OPEN_MAX"))
            _thread.memory = os.memfd_create("complaints")
            os.dup2(_thread.memory, 2)
    except (OSError, AttributeError):  # the C library has no such function, or the system no memory to write into
        return


def _heard(decode: Callable[[], Result]) -> tuple[Result, list[str]]:
    _written()  # of an image that could not be decoded
    return decode(), _written()


def _written() -> list[str]:
    """The lines that were written in this thread since the last call."""
    length = os.lseek(_thread.memory, 0, os.SEEK_CUR) if _thread.memory is not None else 0
    if not length or _thread.memory is None:
        return []
    text = os.pread(_thread.memory, length, 0).decode(errors="replace")
    os.ftruncate(_thread.memory, os.lseek(_thread.memory, 0, os.SEEK_SET))
    return [line.strip() for line in text.splitlines() if line.strip()]


def _tell() -> None:
    with _changing:
        known = dict(_known)
        _known.clear()
    for kind, words in known.items():
        count = f"{len(words):,} images are" if len(words) > 1 else "an image is"
        shown = kind if len(set(words.values())) > 1 else next(iter(words.values()))
        say(f"{count} read in spite of {shown!r}: {some(sorted(words))}.")
