"""Progress bars and tables on the terminal."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.utils.waiting import Watch

if TYPE_CHECKING:
    from rich.console import Console
    from tqdm import tqdm


WIDTH = 79  # columns of a line of progress, so that a terminal of 80 never cuts or wraps it
# Begins each line of progress of a worker's job: whoever reads them shows the latest one of all jobs together.
PROGRESS = "\r"

_of_a_job = False


def speak_as_job() -> None:
    """Let this process mark its lines of progress, and write them often: another one reads and shows them."""
    global _of_a_job
    _of_a_job = True


def progress(label: str, total: int, unit: str, done: int = 0, parts: Callable[[], list[str]] | None = None) -> tqdm:
    """A line of progress with rate and remaining time; in a log file, one line every ten seconds instead.

    Args:
        label: what is being done.
        total: the number of units.
        unit: what is counted: "img", "epoch", "row".
        done: how many units an earlier, interrupted run has done.
        parts: what to show after the label in place of share, count, rate and time left.
    """
    from tqdm import tqdm

    class Line(tqdm):
        """Shows words in place of a bar, as many as fit."""

        def __str__(self) -> str:
            shown = self.format_dict
            after = parts() if parts is not None else _usual_parts(shown, unit)
            return fitting(label, after, min(WIDTH, (shown["ncols"] or WIDTH + 1) - 1))

        def close(self) -> None:
            WATCH.end(label, shows)
            super().close()

    if _below is not None:
        return _below.silent(total)
    shows = sys.stderr.isatty()
    options: dict[str, Any] = {"desc": label, "total": total, "unit": f" {unit}", "initial": done}
    WATCH.begin(label, shows)
    if shows:
        return Line(**options, file=sys.stderr, mininterval=0.2, dynamic_ncols=True)
    options["position"] = 0  # in a log nothing stands above another line, so no line moves up
    if _of_a_job:
        return Line(**options, file=_Lines(label, PROGRESS), mininterval=2.0, delay=1.0, ncols=WIDTH + 1)
    return Line(**options, file=_Lines(label), mininterval=10.0, maxinterval=30.0, delay=10.0, ncols=WIDTH + 1)


@dataclass
class _Below:
    """Work that a line of progress stands for: it shows no lines of its own, and what it says goes elsewhere.

    Args:
        line: shown meanwhile.
        tell: gets what is said.
        shown: when the line was last shown.
    """

    line: tqdm
    tell: Callable[[str], None]
    shown: float = field(default_factory=time.monotonic)

    def silent(self, total: int) -> tqdm:
        """What stands for a line of the work: its updates refresh the line above."""
        from tqdm import tqdm

        class Silent(tqdm):
            def update(_, n: float | None = 1) -> bool | None:  # noqa: N805  # `self` is the work
                self.refresh()
                return None

        return Silent(total=total, disable=True)

    def refresh(self) -> None:
        now = time.monotonic()
        if now - self.shown >= self.line.mininterval:
            self.shown = now
            self.line.refresh()


_below: _Below | None = None


@contextlib.contextmanager
def below(line: tqdm, tell: Callable[[str], None]) -> Iterator[None]:
    """A context in which a line of progress stands for all lines of the work, and what is said goes to ``tell``."""
    global _below
    before, _below = _below, _Below(line, tell)
    try:
        yield
    finally:
        _below = before


def fitting(label: str, parts: list[str], width: int = WIDTH) -> str:
    """A label and what follows it on one line; the label is shortened where both are too long."""
    after = ", ".join(parts)
    room = width - len(after) - 2
    shown = label if len(label) <= room else label[: max(0, room - 1)] + "…"
    return f"{shown}: {after}"[:width]


def pace(shown: dict[str, Any]) -> float | None:
    """Units a second, from a tqdm's ``format_dict``; None before the first."""
    if shown["rate"]:
        return float(shown["rate"])
    made = shown["n"] - shown["initial"]
    return made / shown["elapsed"] if made and shown["elapsed"] else None


def rate_words(rate: float, unit: str) -> str:
    """A rate in words: ``'1,234 img/s'``, or of slow units ``'2.5 s/fit'``."""
    return (
        f"{rate:,.0f} {unit}/s" if rate >= 10 else f"{rate:.1f} {unit}/s" if rate >= 1 else f"{1 / rate:.1f} s/{unit}"
    )


def _usual_parts(shown: dict[str, Any], unit: str) -> list[str]:
    done, total, rate = shown["n"], shown["total"], pace(shown)
    parts = [f"{100 * done / total:.0f} %"] if total else []
    parts.append(f"{done:,} of {total:,} {unit}")
    if rate:
        parts += [rate_words(rate, unit), f"{seconds(max(0, total - done) / rate)} left"]
    return parts


class _Lines:
    """Standard error for a log file: each update is a new line instead of overwriting the last one.

    Args:
        label: what is being done, as ``progress`` has begun it.
        mark: what each begins with.
    """

    def __init__(self, label: str, mark: str = "") -> None:
        self._label, self._mark = label, mark

    def write(self, text: str) -> None:
        if text.strip():
            WATCH.progressed(self._label)
            sys.stderr.write(self._mark + text.strip() + "\n")

    def flush(self) -> None:
        sys.stderr.flush()


# Control characters, which a terminal obeys, and those that turn the direction of text: shown by their numbers.
_ORDERS = {
    code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    for code in (*range(32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
    if chr(code) not in "\n\t"
}


def printable(text: str) -> str:
    """Text without anything that a terminal would obey: names of files may hold any character."""
    return text.translate(_ORDERS)


def say(text: str) -> None:
    """Print a line about what is being done to stderr; results go to stdout."""
    if _below is not None:
        _below.tell(printable(text))
        return
    WATCH.heard()
    write_line(printable(text))


def write_line(text: str) -> None:
    """Write a line to stderr, above any line of progress."""
    from tqdm import tqdm

    tqdm.write(text, file=sys.stderr)


WATCH = Watch(lambda text: write_line((PROGRESS if _of_a_job else "") + printable(text)))


@contextlib.contextmanager
def doing(what: str) -> Iterator[None]:
    """A context in which a command does something that may take seconds.

    Args:
        what: as words that may stand alone: "drawing the page".
    """
    WATCH.begin(what)
    try:
        yield
    finally:
        WATCH.end(what)


def answer() -> str:
    """The line that a user types to a question; meanwhile nothing else is told."""
    WATCH.begin("a question", shows=True)
    try:
        return sys.stdin.readline().strip()
    finally:
        WATCH.end("a question", shows=True)
        WATCH.heard()


@contextlib.contextmanager
def watched(what: str) -> Iterator[None]:
    """A context in which no wait is silent: a command."""
    over = threading.Event()
    thread = threading.Thread(target=WATCH.watch, args=(over,), daemon=True)
    WATCH.heard()
    thread.start()
    try:
        with doing(what):
            yield
    finally:
        over.set()
        thread.join()


def console() -> Console:
    """Standard output for tables. Without a terminal it is 160 columns wide, so that a log does not truncate them."""
    from rich.console import Console
    from rich.segment import Segment

    class OurConsole(Console):
        def render(self, renderable: Any, options: Any = None) -> Iterator[Segment]:
            for segment in super().render(renderable, options):
                yield segment if segment.control else Segment(printable(segment.text), segment.style)

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # Rich would exit with 1, but a reader that stops early is no error

    # No markup: names and messages may contain square brackets. Soft wraps: a path stays in one piece, to be copied.
    return OurConsole(highlight=False, markup=False, soft_wrap=True, width=None if sys.stdout.isatty() else 160)


def seconds(value: float) -> str:
    """A human-readable duration: ``'4.2 s'``, ``'3 min 05 s'``, ``'1 h 02 min'``."""
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
