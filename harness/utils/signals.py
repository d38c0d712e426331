"""Ctrl-C, SIGTERM and SIGHUP end a command within seconds: what it holds is put in order first, if that goes quickly.

An exception is not enough to end a command: while TensorFlow or JAX load, it may arise in a callback of C code, which
drops it or makes another error of it; and during a long call of C code it does not arise at all. So a thread hears of
the signal too, and ends the process after ``GRACE`` seconds. Files are written completely or not at all, so an end at
any moment leaves nothing half-written that is used.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

# Seconds for putting things in order.
GRACE = 3.0
STOPPED = "Stopped. What was finished is kept: the same command goes on from here."
NUMBERS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Ended(KeyboardInterrupt):
    """The command was asked to end.

    Args:
        number: the signal's.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.number = number


class Ending:
    """The handler of the signals of one command.

    Args:
        words: what is said where the process has to be ended from outside.
    """

    def __init__(self, words: str) -> None:
        self.words = words
        self.number: int | None = None  # the first signal that was to end the command
        self.patient = False  # training saves first: see Interrupts
        self.over = False
        self._heard = 0
        self._counting = threading.Lock()

    def __call__(self, number: int, frame: FrameType | None = None) -> None:
        self.number = self.number or number
        self.count_down(number)
        raise Ended(number)

    def hear(self, number: int) -> None:
        """A signal has arrived; the main thread may not know yet."""
        self._heard += number == signal.SIGINT
        if number != signal.SIGINT or not self.patient or self._heard > 1:
            self.count_down(number)

    def count_down(self, number: int) -> None:
        """End the process if the command is not over in ``GRACE`` seconds."""
        if self._counting.acquire(blocking=False):
            threading.Thread(target=self._end, args=(number,), daemon=True).start()

    def _end(self, number: int) -> None:
        time.sleep(GRACE)
        if not self.over:
            # Not with print: the main thread may hold the lock of stderr.
            os.write(2, f"\n{self.words}\n".encode())
            os._exit(128 + number)


def is_ending() -> bool:
    """Whether a signal has asked this command to end, whatever became of the exception."""
    handlers = [signal.getsignal(number) for number in NUMBERS]
    return any(isinstance(handler, Ending) and handler.number is not None for handler in handlers)


@contextlib.contextmanager
def ended_by_signals(words: str = STOPPED) -> Iterator[Ending]:
    """A context in which the signals raise ``Ended``; what is ignored (nohup) or handled already stays so.

    Args:
        words: what is said if the process has to be ended without the context being left.
    """
    ending, before = Ending(words), {}
    if threading.current_thread() is threading.main_thread():
        usual = (signal.SIG_DFL, signal.default_int_handler)
        before = {number: signal.getsignal(number) for number in NUMBERS if signal.getsignal(number) in usual}
    for number in before:
        signal.signal(number, ending)
    hook_before = sys.unraisablehook
    sys.unraisablehook = lambda ignored: None if isinstance(ignored.exc_value, Ended) else hook_before(ignored)
    try:
        with _heard_at_once(ending) if before else contextlib.nullcontext():
            yield ending
    finally:
        ending.over = True
        sys.unraisablehook = hook_before
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _heard_at_once(ending: Ending) -> Iterator[None]:
    """A context in which a thread hears of signals when they arrive, and not when the main thread is next at Python."""
    out, into = os.pipe()
    os.set_blocking(into, False)

    def listen() -> None:
        while numbers := os.read(out, 64):
            for number in numbers:
                if number in NUMBERS:
                    ending.hear(number)
        os.close(out)

    threading.Thread(target=listen, daemon=True).start()
    before = signal.set_wakeup_fd(into, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(into)
