"""Counts what was tried, what came out wrong, and what crashed: a line of the table for each attack."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

SHOWN = 12
# On a busy machine the suite's quarter of an hour is too short for all attempts: HOSTILE_PATIENCE=4 gives it an hour.
PATIENCE = float(os.environ.get("HOSTILE_PATIENCE", "1"))


def within(seconds: float, count: int) -> Iterator[int]:
    """The numbers of so many attempts, as long as this test's share of the suite's quarter of an hour lasts."""
    end = time.monotonic() + PATIENCE * seconds
    for number in range(count):
        if time.monotonic() > end:
            return
        yield number


class Tally:
    """One line of the table.

    Args:
        attack: what was tried.
        wanted: how many attempts were to be made in the time that there is; None for all that are made.
    """

    def __init__(self, attack: str, wanted: int | None = None) -> None:
        self.attack, self.tried, self.wanted = attack, 0, wanted
        self.wrong: list[str] = []
        self.crashed: list[str] = []

    @contextmanager
    def case(self, what: str) -> Iterator[None]:
        """Count one attempt; an exception within is a crash, and told."""
        self.tried += 1
        try:
            yield
        except Exception:
            self.crashed.append(f"{what}\n{traceback.format_exc(limit=-4)}")

    def expect(self, holds: object, what: str) -> None:
        """Count something as wrong unless it holds."""
        if not holds:
            self.wrong.append(what)

    def close(self, record: Callable[[str, Any], None]) -> None:
        """Put the line into the table; fail if anything was wrong.

        Args:
            record: pytest's ``record_property``.
        """
        close(record, self)


def close(record: Callable[[str, Any], None], *tallies: Tally) -> None:
    """The same for several lines."""
    told = []
    for tally in tallies:
        tried = f"{tally.tried:,}" + (f" of {tally.wanted}" if tally.tried < (tally.wanted or 0) else "")
        record("attack", (tally.attack, tried, len(tally.wrong), len(tally.crashed)))
        told += [f"{tally.attack}: WRONG {what}" for what in tally.wrong[:SHOWN]]
        told += [f"{tally.attack}: CRASHED {what}" for what in tally.crashed[:SHOWN]]
    assert not told, "\n".join(told)
