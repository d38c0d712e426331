"""What a command is doing, told where it has said nothing for two seconds.

A thread looks at the clock. What is being done is a stack: the command itself, the step in it, and so on; the
innermost is told. Lines of progress belong to it too: on a terminal they show all the time, in a log rarely.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

QUIET = 2.0  # seconds
BETWEEN_LINES = 15.0  # the same after a line of progress in a log: the next one comes after ten, as a rule
OFTEN = 0.25  # how often the thread looks at the clock, in seconds
GROWTH = 3.0  # of the time until the same is told again


class Watch:
    """Knows what is being done, and since when nothing was said.

    Args:
        tell: says a line.
        clock: seconds, from any start.
    """

    def __init__(self, tell: Callable[[str], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._tell, self.clock = tell, clock
        self._doing: list[str] = []
        self._showing = 0  # lines of progress on a terminal
        self.heard()

    def heard(self) -> None:
        """Something was said."""
        self._last, self._next = self.clock(), QUIET

    def progressed(self, what: str) -> None:
        """A line of progress was written to a log. While what it is of goes on, the next such line will tell."""
        self.heard()
        if what in self._doing:
            self._next = BETWEEN_LINES

    def begin(self, what: str, shows: bool = False) -> None:
        """Something begins. If it ``shows``, the terminal has a line of it all the time."""
        self._doing.append(what)
        self._showing += shows

    def end(self, what: str, shows: bool = False) -> None:
        """It is over. Nothing happens if it was over before."""
        if what in self._doing:
            # The innermost of that name.
            del self._doing[len(self._doing) - 1 - self._doing[::-1].index(what)]
            self._showing -= shows

    def tick(self) -> None:
        """Say what is being done, if it is time."""
        silent, doing = self.clock() - self._last, self._doing[-1:]
        if not doing or self._showing or silent < self._next:
            return
        self._next = silent * GROWTH
        self._tell(f"{doing[0]} … ({silent:.0f} s)")

    def watch(self, over: threading.Event) -> None:
        """Look at the clock until something is over."""
        while not over.wait(OFTEN):
            self.tick()
