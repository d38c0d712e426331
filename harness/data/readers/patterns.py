"""Patterns of paths: ``train/{id}.jpg`` gives the path of a row's image."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from harness.data.readers.reader import natural, walk
from harness.utils.errors import UserError, some

FIX = "correct the reader in the competition's competition.py"


def columns_of(pattern: str) -> list[str]:
    """The names in braces of a pattern."""
    return re.findall(r"{([^{}]*)}", pattern)


def fixed_part(pattern: str) -> str:
    """The folders of a pattern before the first name in braces: ``train/{id}.jpg`` gives ``train``."""
    return PurePosixPath(pattern.partition("{")[0] + "x").parent.as_posix()


def paths_of(folder: Path, file: Path, pattern: str, rows: list[dict[str, str]]) -> list[str]:
    """The path of each row's image, relative to the folder.

    Raises:
        UserError: images are missing; the message says how many, and what is there instead.
    """
    pieces = re.split(r"{([^{}]*)}", pattern)
    paths = ["".join(row[piece] if place % 2 else piece for place, piece in enumerate(pieces)) for row in rows]
    below = fixed_part(pattern)
    there = {path for path, _ in walk(folder, "" if below == "." else below)} if (folder / below).is_dir() else set()
    missing = [path for path in paths if path not in there]
    if missing:
        found = some(sorted(there, key=natural), 3) or "nothing"
        raise UserError(
            f"{len(missing):,} of {len(paths):,} images of {file} are not in {folder}: {some(missing, 3)}. "
            f"In {below}/ there is {found}.",
            f"unpack the organiser's files again, or {FIX}",
        )
    return paths
