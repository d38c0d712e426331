"""Progress bars and tables on the terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from tqdm import tqdm


def progress(label: str, total: int, unit: str, done: int = 0) -> tqdm:
    """A bar with rate and time left; in a log file, a line every ten seconds instead.

    Args:
        label: what is going on.
        total: how many there are.
        unit: of what: "img", "epoch", "row".
        done: how many were done before, in an interrupted run.
    """
    from tqdm import tqdm

    common = {"desc": label, "total": total, "unit": f" {unit}", "initial": done}
    if sys.stderr.isatty():
        return tqdm(**common, file=sys.stderr, mininterval=0.2, dynamic_ncols=True)
    return tqdm(**common, file=_Lines(), mininterval=10.0, maxinterval=30.0, delay=10.0, ascii=True, ncols=120)


class _Lines:
    """Standard error for a log: what would overwrite a line begins a new one."""

    def write(self, text: str) -> None:
        if text.strip():
            sys.stderr.write(text.strip() + "\n")

    def flush(self) -> None:
        sys.stderr.flush()


def say(text: str) -> None:
    """A line about what is being done; results go to stdout, this to stderr."""
    from tqdm import tqdm

    tqdm.write(text, file=sys.stderr)


def console() -> Console:
    """Standard output for tables; as wide as needed where it is no terminal, so that nothing is cut in a log."""
    from rich.console import Console

    class OurConsole(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # Rich would exit with 1; whoever read our output has just seen enough

    # No markup: names and messages may hold square brackets of their own.
    if sys.stdout.isatty():
        return OurConsole(highlight=False, markup=False, soft_wrap=True)
    return OurConsole(highlight=False, markup=False, width=160)


def seconds(value: float) -> str:
    """A duration for people: ``'4.2 s'``, ``'3 min 05 s'``, ``'1 h 02 min'``."""
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
