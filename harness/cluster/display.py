"""The progress of all jobs on one line, and what they say above it."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from harness.cluster.jobs import Job
from harness.utils.console import PROGRESS, progress, say, seconds


class Shown:
    """What the jobs of one command have said.

    Args:
        jobs: what is asked for at this moment, and whether it is over.
    """

    def __init__(self, jobs: Callable[[], Mapping[Job, bool]]) -> None:
        self._jobs = jobs
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
            self.bar.n = sum(self._jobs().values())
            self.bar.update(0)

    def parts(self) -> list[str]:
        """What the line shows: how many are done, how long the rest may take, and the latest words of some."""
        jobs = self._jobs()
        done, elapsed = sum(jobs.values()), time.monotonic() - self._started
        found = [f"{done} of {len(jobs)} done"]
        if done:
            found.append(f"{seconds(elapsed / done * (len(jobs) - done))} left")
        running = {job.title for job, is_over in jobs.items() if not is_over}
        return found + [line for title, line in self._latest.items() if title in running]


@contextlib.contextmanager
def of(jobs: Callable[[], Mapping[Job, bool]]) -> Iterator[Shown]:
    """A context in which a line shows the progress of jobs.

    Args:
        jobs: as of ``Shown``.
    """
    shown = Shown(jobs)
    with progress("jobs", len(jobs()), "job", parts=shown.parts) as bar:
        shown.bar = bar
        yield shown
