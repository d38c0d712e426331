"""Paths as a user gives them."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

AnyPath = str | PathLike[str]


def expanded(path: AnyPath | None) -> Path | None:
    """The path with ``~`` as the home folder."""
    return None if path is None else Path(path).expanduser()
