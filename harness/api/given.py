"""Names and paths as a user gives them in a notebook."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from harness.utils.errors import UserError, short

AnyPath = str | PathLike[str]


def expanded(path: AnyPath | None) -> Path | None:
    """The path with ``~`` as the home folder; None for None.

    Raises:
        UserError: it is no path.
    """
    return None if path is None else path_of(path)


def path_of(path: AnyPath) -> Path:
    """The path with ``~`` as the home folder.

    Raises:
        UserError: it is no path.
    """
    if not isinstance(path, str | PathLike):
        raise UserError(f"a path is wanted. Received: {short(path)}", 'give a text, such as "~/folder", or a Path')
    return Path(path).expanduser()


def name_of(name: str, kind: str) -> str:
    """The same name.

    Args:
        name: what a user gave.
        kind: what it names, for the message.

    Raises:
        UserError: it is no text.
    """
    if not isinstance(name, str):
        raise UserError(f"the name of a {kind} is wanted. Received: {short(name)}", f'give one {kind}, in quotes: "…"')
    return name
