"""Progress bars and tables on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from tqdm import tqdm


def progress(label: str, total: int, unit: str, done: int = 0) -> tqdm:
    """A progress bar with rate and remaining time; in a log file, one line every ten seconds instead.

    Args:
        label: what is being done.
        total: the number of units.
        unit: what is counted: "img", "epoch", "row".
        done: how many units an earlier, interrupted run has done.
    """
    from tqdm import tqdm

    options = {"desc": label, "total": total, "unit": f" {unit}", "initial": done}
    if sys.stderr.isatty():
        return tqdm(**options, file=sys.stderr, mininterval=0.2, dynamic_ncols=True)
    return tqdm(**options, file=_Lines(), mininterval=10.0, maxinterval=30.0, delay=10.0, ascii=True, ncols=120)


class _Lines:
    """Standard error for a log file: each update is a new line instead of overwriting the last one."""

    def write(self, text: str) -> None:
        if text.strip():
            sys.stderr.write(text.strip() + "\n")

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
    from tqdm import tqdm

    tqdm.write(printable(text), file=sys.stderr)


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

    # No markup: names and messages may contain square brackets.
    if sys.stdout.isatty():
        return OurConsole(highlight=False, markup=False, soft_wrap=True)
    return OurConsole(highlight=False, markup=False, width=160)


def seconds(value: float) -> str:
    """A human-readable duration: ``'4.2 s'``, ``'3 min 05 s'``, ``'1 h 02 min'``."""
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
