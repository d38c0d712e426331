"""Ctrl-C during training: pressed once, training stops after the current step; pressed twice, it stops at once."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

from harness.utils.signals import Ending


class Interrupts:
    """A context in which the first Ctrl-C only sets ``asked``; the second one ends the command as usual.

    If the block is left without having heeded the first one, KeyboardInterrupt is raised at its end.
    """

    def __init__(self) -> None:
        self.asked = False
        self._raised = False

    def __enter__(self) -> Interrupts:
        self._before = signal.getsignal(signal.SIGINT)
        self._ending = self._before if isinstance(self._before, Ending) else None
        # If Ctrl-C is ignored, or something else handles it, leave it as it is.
        in_main_thread = threading.current_thread() is threading.main_thread()
        usual = self._ending is not None or self._before is signal.default_int_handler
        self._installed = in_main_thread and usual
        if self._installed:
            signal.signal(signal.SIGINT, self._note)
            self._be_patient(True)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._installed:
            self._be_patient(False)
            signal.signal(signal.SIGINT, self._before)
            if self.asked and self._ending is not None:
                self._ending.count_down(signal.SIGINT)
            if self.asked and not self._raised and kind is None:
                raise KeyboardInterrupt

    def _be_patient(self, patient: bool) -> None:
        if self._ending is not None:
            self._ending.patient = patient

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            self._raised = True
            if self._ending is not None:
                self._ending(number)
            raise KeyboardInterrupt
        self.asked = True
        # Not with print: the signal may have arrived in the middle of one.
        os.write(2, b"\nFinishing this step, then saving. Press Ctrl-C again to quit at once.\n")
