"""Ctrl-C during training: pressed once, training stops after the current step; pressed twice, it stops at once."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType


class Interrupts:
    """A context in which the first Ctrl-C only sets ``asked``; the second one raises KeyboardInterrupt as usual."""

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> Interrupts:
        self._before = signal.getsignal(signal.SIGINT)
        # If Ctrl-C is ignored, or something else handles it, leave it as it is.
        in_main_thread = threading.current_thread() is threading.main_thread()
        self._installed = in_main_thread and self._before is signal.default_int_handler
        if self._installed:
            signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, self._before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        # Not with print: the signal may have arrived in the middle of one.
        os.write(2, b"\nFinishing this step, then saving. Press Ctrl-C again to quit at once.\n")
