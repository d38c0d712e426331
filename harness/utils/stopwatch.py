"""How long something took: on the clock, and of this process on all its cores."""

from __future__ import annotations

import time
from typing import NamedTuple


class Took(NamedTuple):
    """Two times in seconds.

    Args:
        seconds: on the clock.
        cpu_seconds: of this process on all cores; work of other processes beside it stretches only the first.
    """

    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def __add__(self, other: Took) -> Took:  # type: ignore[override]
        """The sums, where a tuple would become longer."""
        return Took(*(round(mine + its, 2) for mine, its in zip(self, other, strict=True)))


class Stopwatch:
    """Runs from the moment it is made.

    Args:
        before: what had gone by already, in sessions before this one.
    """

    def __init__(self, before: Took | None = None) -> None:
        self._before, self._clock, self._cpu = before or Took(), time.monotonic(), time.process_time()

    def took(self) -> Took:
        """What has gone by, to a hundredth of a second."""
        return self._before + Took(time.monotonic() - self._clock, time.process_time() - self._cpu)
