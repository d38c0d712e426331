"""The user's mistakes, which are reported as a message with a fix; all other exceptions are bugs of the harness."""

from __future__ import annotations

# A line of a message; names and values in untrusted files may be millions of letters long.
LONGEST = 800


class UserError(Exception):
    """Something the user can fix. What is too long to be read in a line is left out of its middle.

    Args:
        what: what is wrong, and where.
        fix: the command or the change that fixes it.
    """

    def __init__(self, what: str, fix: str | None = None) -> None:
        what = "\n".join(map(_cut, what.split("\n")))
        super().__init__(what)
        self.what = what
        self.fix = fix


def _cut(line: str) -> str:
    return line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} … {line[-LONGEST // 2 :]}"


def some(items: list[str], limit: int = 5) -> str:
    """The first few items of a list, as text: ``'a, b, c and 12 more'``."""
    shown = ", ".join(items[:limit])
    return shown if len(items) <= limit else f"{shown} and {len(items) - limit:,} more"


def short(value: object) -> str:
    """A value as Python writes it, cut off where it is long."""
    text = repr(value)
    return text if len(text) <= 200 else text[:199] + "…"


def nearest(word: str, known: list[str]) -> str:
    """A hint for a misspelt name: the closest known names, or all of them if none is close."""
    import difflib

    close = difflib.get_close_matches(word, known, n=3, cutoff=0.6)
    if close:
        return "Did you mean " + " or ".join(close) + "?"
    return "Known: " + (some(sorted(known), 12) or "none") + "."


def require(owner: object, setting: str, holds: bool, allowed: str) -> None:
    """Raise a UserError, in the form that all errors about settings share, unless the condition holds.

    Args:
        owner: the object that has the setting as an attribute.
        setting: the attribute's name.
        holds: the condition.
        allowed: the allowed values, in words.
    """
    if not holds:
        from harness.utils.docstrings import of_setting

        words = of_setting(owner, setting)
        received = f"{setting}={short(getattr(owner, setting))}"
        raise UserError(
            f"{type(owner).__name__}: {setting} must be {allowed}. Received: {received}",
            "change it in the competition's recipes.py, or with --set" + (f" ({setting}: {words})" if words else ""),
        )
