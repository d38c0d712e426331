"""No order of events makes Kaggle count a file twice: all of them are played to the real sender, in a world of its own.

The world has a time, a Kaggle that files late and lists late, and a harness that is killed anywhere. A state of it is
what the ledger says, what Kaggle has or will have, and the time; from each state every event is played once.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.kaggle import clock, submit
from harness.kaggle.client import Patience
from harness.kaggle.code_destinations import row, rows
from harness.kaggle.failures import KaggleError
from harness.kaggle.ledger import Entry, Ledger
from harness.kaggle.submit import Clock, Sender
from harness.kaggle.words import message
from harness.utils.errors import UserError

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
SHA = "0123456789ab" + "0" * 52
PATIENCE = Patience()
HOUR = 3600.0


class Killed(BaseException):
    """SIGKILL: nothing is put in order."""


@dataclass(frozen=True)
class Filing:
    """A submission at Kaggle: when it is filed, when it is listed, and what becomes of it."""

    filed: float
    listed: float
    status: str


@dataclass(frozen=True)
class Event:
    """One run of the harness, and what happens in it.

    Args:
        upload: how the upload ends: "done", "refused", "trouble", "ctrl-c" or "kill".
        asked: how the request to file it ends for us: "answered", "no reference", "trouble", "refused", "worker dies",
            "ctrl-c", "kill"; or "kill before", when Kaggle has not been asked yet.
        filed: how many seconds later Kaggle files it; None for never.
        listed: how many seconds after that it lists it.
        status: what Kaggle makes of the file.
        lists: what its lists are like in this run: "true", "empty" or "trouble".
        stop: what happens in the first wait in doubt: None, "kill" or "ctrl-c".
        gap: the seconds until the next run.
    """

    upload: str = "done"
    asked: str = "answered"
    filed: float | None = 0.0
    listed: float = 0.0
    status: str = "complete"
    lists: str = "true"
    stop: str | None = None
    gap: float = 0.0


@dataclass
class World:
    """Kaggle, the ledger and the time; also the client that speaks to this Kaggle."""

    time: float = 0.0
    lines: list[Entry] = field(default_factory=list)
    filings: list[Filing] = field(default_factory=list)
    event: Event = field(default_factory=Event)
    slug: str = "pets"
    patience: Patience = PATIENCE
    first: int = 1000  # the reference of the first submission
    versions: bool = False  # whether they are versions of a kernel, of which only the newest is told

    # The client.

    def submissions(self) -> list[dict[str, Any]]:
        if self.event.lists == "trouble":
            raise KaggleError("Away.", "again", True)
        listed = [] if self.event.lists == "empty" else self._listed()
        if self.versions:
            newest = max((number + self.first for number, _ in listed), default=0)
            return rows(newest, row(str(newest), message("", SHA), listed[-1][1].status if listed else ""), {})
        return [
            {
                "reference": str(self.first + number), "date": "", "file": "", "message": message("", SHA), "why": "",
                "status": filing.status, "public": None, "private": None,
            }
            for number, filing in reversed(listed)
        ]  # fmt: skip

    def _listed(self) -> list[tuple[int, Filing]]:
        return [(number, filing) for number, filing in enumerate(self.filings) if filing.listed <= self.time]

    def about(self) -> dict[str, Any]:
        return {"total": len(self._listed())}

    def submit(self, file: Path, text: str, hold: Path, uploaded: Callable[[], None], sent: Any) -> str:
        event = self.event
        _end(event.upload)
        uploaded()
        if event.asked == "kill before":
            raise Killed
        if event.filed is not None:
            filed = self.time + event.filed
            self.filings.append(Filing(filed, filed + event.listed, event.status))
        _end(event.asked)
        return "" if event.asked == "no reference" else str(self.first + len(self.filings) - 1)

    # The clock.

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=self.time)

    def sleep(self, seconds: float) -> None:
        if self.lines and self.lines[-1].status == "sending" and self.event.stop:
            _end(self.event.stop)
        self.time += max(seconds, 0.01)

    # What is asked of the world.

    @property
    def copies(self) -> int:
        return sum(filing.status != "error" for filing in self.filings)

    def state(self) -> tuple:
        """What the future depends on; what is older than any patience is the same as much older."""
        lines = tuple(
            (line.status, line.reference, round(max(-HOUR, _seconds(line.time) - self.time)))
            for line in self.lines[-1:]
        )
        known = tuple(sorted({line.reference for line in self.lines if line.reference}))
        filings = tuple(
            (*(round(max(0.0, when - self.time)) for when in (one.filed, one.listed)), one.status)
            for one in self.filings
        )
        return lines, known, filings

    def after(self, event: Event) -> World:
        """The world after one run of the harness; this one stays as it is."""
        world = replace(self, lines=[*self.lines], filings=[*self.filings], event=event)
        sender = Sender(world, Memory(world), lambda *_: None, "pets", Clock(world.now, world.sleep))  # type: ignore[arg-type]
        fresh = Entry(time="", slug="pets", file="x.csv", sha256=SHA, recipe="", run="", message=message("", SHA))
        with contextlib.suppress(Killed, KeyboardInterrupt, UserError):
            world.check_sent(sender.send(Path(__file__), fresh, []))
        world.time += event.gap
        return world

    def check_sent(self, told: Entry) -> None:
        """What is told to be at Kaggle is there, or will be."""
        assert told.reference and int(told.reference) - self.first < len(self.filings), told


@dataclass(frozen=True)
class Memory(Ledger):
    """A ledger in the world's memory."""

    def __init__(self, world: World) -> None:
        object.__setattr__(self, "path", Path(__file__))
        object.__setattr__(self, "world", world)

    def append(self, *entries: Entry) -> None:
        self.world.lines.extend(entries)  # type: ignore[attr-defined]

    def entries(self) -> list[Entry]:
        return self.world.lines  # type: ignore[attr-defined]


def _seconds(time: str) -> float:
    return (datetime.fromisoformat(time) - BEGAN).total_seconds()


def _end(how: str) -> None:
    if how == "trouble":
        raise KaggleError("Lost.", "again", True)
    if how == "refused":
        raise KaggleError("No.", "look", status=403)
    if how == "worker dies":
        raise KaggleError("It failed.", "again")
    if how == "ctrl-c":
        raise KeyboardInterrupt
    if how == "kill":
        raise Killed


MINUTES_14 = 840.0
# When Kaggle files what it was asked to, and when it lists what it filed: always within the time of doubt.
FILED = [(None, 0.0), (0.0, 0.0), (0.0, 60.0), (20.0, 0.0), (MINUTES_14, 0.0), (400.0, 400.0)]
UNANSWERED = ["no reference", "trouble", "refused", "worker dies", "ctrl-c", "kill"]


def events(full: bool) -> Iterator[Event]:
    """Every event; a part of them without ``full``."""
    fates = [Event(upload=upload) for upload in ("refused", "trouble", "ctrl-c", "kill")]
    fates += [Event(asked="kill before", filed=None)]
    for status in ("complete", "error"):
        fates += [Event(listed=listed, status=status) for listed in (0.0, 60.0, MINUTES_14)]
        for asked, (filed, listed) in itertools.product(UNANSWERED, FILED):
            if filed is not None or status == "complete":
                fates.append(Event(asked=asked, filed=filed, listed=listed, status=status))
    for fate in fates:
        for lists, stop, gap in itertools.product(
            ("true", "empty", "trouble"), (None, "kill", "ctrl-c"), (0.0, 300.0, 1000.0)
        ):
            if full or (lists, stop, gap) in QUICK:
                yield Event(fate.upload, fate.asked, fate.filed, fate.listed, fate.status, lists, stop, gap)


QUICK = {("true", None, 0.0), ("true", "kill", 0.0), ("empty", "kill", 300.0)}


@pytest.fixture(autouse=True)
def nothing_but_the_world(monkeypatch: pytest.MonkeyPatch) -> None:
    class Bar:
        n = 0

        def update(self, by: int) -> None: ...

    monkeypatch.setattr(submit, "lock", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(submit, "upload_bar", lambda *_: contextlib.nullcontext(Bar()))
    for module in (submit, clock):
        monkeypatch.setattr(module, "say", lambda _: None)


def explore(depth: int, full: bool, world: World | None = None) -> tuple[int, int]:
    """Play every sequence of so many events, then let all be well.

    Returns:
        The number of runs played, and of different states.
    """
    everything = [*events(full)]
    seen: dict[tuple, World] = {}
    frontier, played = [world or World()], 0
    for _ in range(depth):
        reached: dict[tuple, World] = {}
        for world, event in itertools.product(frontier, everything):
            after = world.after(event)
            played += 1
            assert after.copies <= 1, (event, after.lines, after.filings)
            state = after.state()
            if state not in seen:
                seen[state] = reached[state] = after
        frontier = [*reached.values()]
    for world in seen.values():
        _ends_well(world)
    return played, len(seen)


def _ends_well(world: World) -> None:
    """Once Kaggle answers and lists what it has, the file is there once, and the ledger knows it."""
    world.time += HOUR
    last = world.after(Event())
    assert last.copies == 1, (world.lines, last.filings)
    line = last.lines[-1]
    assert line.status == "complete" or line.status == "pending", line
    assert last.filings[int(line.reference) - last.first].status == "complete"


def test_two_runs_of_every_kind_never_make_two_submissions():
    played, states = explore(2, full=False)
    assert played > 5_000 and states > 50


@pytest.mark.slow
def test_three_runs_of_every_kind_never_make_two_submissions():
    played, states = explore(3, full=False)
    assert played > 20_000 and states > 150


@pytest.mark.slow
def test_two_runs_with_every_list_and_every_pause_never_make_two_submissions():
    played, states = explore(2, full=True)
    assert played > 100_000 and states > 200


def test_the_model_finds_a_sender_that_does_not_doubt():
    """What is asked of Kaggle and not answered is taken for failed: the model must see what comes of it."""
    with pytest.raises(AssertionError):
        explore(2, full=False, world=World(patience=Patience(doubt=-2.0)))


@pytest.mark.slow
def test_versions_of_which_only_the_newest_is_told_are_never_sent_twice():
    played, states = explore(2, full=True, world=World(first=1, versions=True))
    assert played > 100_000 and states > 200
