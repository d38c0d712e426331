"""Time: what it is, waiting, and waiting out what passes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from harness.kaggle.failures import KaggleError
from harness.utils.console import say, seconds

ATTEMPTS = 3  # of what changes nothing at Kaggle when it is repeated

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Clock:
    """The time, and waiting.

    Args:
        now: gives the time.
        sleep: waits for so many seconds.
    """

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = time.sleep

    def patiently(self, call: Callable[[], Answer], pause: float) -> Answer:
        """The answer to a call that may be repeated. Passing trouble is waited out, as long as Kaggle asks to.

        Args:
            call: makes the call.
            pause: seconds before the first repetition.

        Raises:
            KaggleError: it failed for good, or too often.
        """
        for attempt, wait in zip(range(1, ATTEMPTS + 1), pauses(pause), strict=False):
            try:
                return call()
            except KaggleError as error:
                if not error.passing or attempt == ATTEMPTS:
                    raise
                wait = wait if error.wait is None else error.wait
                say(f"{error.what} Trying again in {seconds(wait)}.")
                self.sleep(wait)
        raise AssertionError("unreachable")


def pauses(first: float) -> Iterator[float]:
    """Growing pauses, in seconds, up to twelve times the first one."""
    pause = first
    while True:
        yield pause
        pause = min(1.5 * pause, 12 * first)
