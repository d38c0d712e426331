"""The progress of all jobs on one line, and what they say above it."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from harness.utils.console import PROGRESS, progress, say, seconds


class Shown:
    """What the jobs of one command have said.

    Args:
        futures: what is asked for at this moment, by job.
    """

    def __init__(self, futures: Callable[[], Mapping[Any, Any]]) -> None:
        self._futures = futures
        self._latest: dict[str, str] = {}
        self._said: set[str] = set()
        self._started = time.monotonic()
        self.bar: Any = None

    def tell(self, words: deque[dict[str, str]]) -> None:
        """Pass on what jobs say, all of it once, and renew the line of progress."""
        while words:
            word = words.popleft()
            if word["line"].startswith(PROGRESS):
                self._latest[word["title"]] = word["line"].removeprefix(PROGRESS)
            elif word["line"] not in self._said:  # what all say alike, such as that Keras is loaded, is said once
                self._said.add(word["line"])
                say(word["line"])
        if self.bar is not None:
            self.bar.n = self._done()
            self.bar.update(0)

    def parts(self) -> list[str]:
        """What the line shows: how many are done, how long the rest may take, and the latest words of some."""
        futures = self._futures()
        done, elapsed = self._done(), time.monotonic() - self._started
        found = [f"{done} of {len(futures)} done"]
        if done:
            found.append(f"{seconds(elapsed / done * (len(futures) - done))} left")
        running = {job.title for job, future in futures.items() if not future.done()}
        return found + [line for title, line in self._latest.items() if title in running]

    def _done(self) -> int:
        return sum(future.done() for future in self._futures().values())


@contextlib.contextmanager
def of(futures: Callable[[], Mapping[Any, Any]]) -> Iterator[Shown]:
    """A context in which a line shows the progress of jobs.

    Args:
        futures: what is asked for at this moment, by job.
    """
    shown = Shown(futures)
    with progress("jobs", len(futures()), "job", parts=shown.parts) as bar:
        shown.bar = bar
        yield shown
