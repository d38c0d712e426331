"""The two kinds of failure: the user's mistake, told in words, and ours, told with a traceback."""

from __future__ import annotations


class UserError(Exception):
    """Something the user can mend.

    Args:
        what: what was wrong and where.
        mend: the command or the change that mends it.
    """

    def __init__(self, what: str, mend: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.mend = mend


def some(items: list[str], limit: int = 5) -> str:
    """The first few of a list in words: ``'a, b, c and 12 more'``."""
    shown = ", ".join(items[:limit])
    return shown if len(items) <= limit else f"{shown} and {len(items) - limit:,} more"


def nearest(word: str, known: list[str]) -> str:
    """A hint for a misspelt name: the nearest known ones, else all of them."""
    import difflib

    close = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
    if close:
        return "Did you mean " + " or ".join(close) + "?"
    return "Known: " + (some(sorted(known), 12) or "none") + "."
