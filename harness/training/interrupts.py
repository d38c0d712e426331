"""Ctrl-C during training: once ends it after the step under way, twice at once."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType


class Interrupts:
    """A context in which a first Ctrl-C is only noted, as ``asked``; a second one is a KeyboardInterrupt as ever."""

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> Interrupts:
        self._before = signal.getsignal(signal.SIGINT)
        # Where Ctrl-C is ignored, or another's business, it stays so.
        ours = threading.current_thread() is threading.main_thread() and self._before is signal.default_int_handler
        self._installed = ours
        if ours:
            signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, self._before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        # Not by print: the signal may have come in the middle of one.
        os.write(2, b"\nFinishing this step, then saving. Ctrl-C again quits at once.\n")
