"""Looking after the cache files of a workspace: list, verify, remove."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import h5py

from harness.data.cache import FORMAT, DamagedError, forget_verified, open_cache
from harness.data.rows import DAMAGE
from harness.workspace import Workspace


@dataclass(frozen=True)
class CacheFile:
    """What is known of a cache file without reading its rows.

    Args:
        competition: whose it is.
        file: where it is.
        bytes: its size on the disk.
        images: how many; 0 where the file cannot be read.
        holds: "images 32x32", "features efficientnet-lite0", or "?".
        form: "plain" or "compressed".
        state: "whole", "half built" (a build goes on from it) or "damaged".
    """

    competition: str
    file: Path
    bytes: int
    images: int
    holds: str
    form: str
    state: str


def find(workspace: Workspace, competition: str | None) -> list[CacheFile]:
    """The cache files of one competition, or of all."""
    folders = [workspace.cache(competition)] if competition else sorted(workspace.root.glob("data/*/cache"))
    return [
        _describe(folder.parent.name, file)
        for folder in folders
        for file in sorted([*folder.glob("*.h5"), *folder.glob("*.h5.part")])
    ]


def verify(found: CacheFile) -> str | None:
    """Read every row and compare checksums: None where all is well, else what is wrong.

    A file that fails is made again by the next command that needs it.
    """
    forget_verified(found.file)
    try:
        open_cache(found.file)
    except DamagedError as damage:
        return str(damage)
    return None


def remove(found: CacheFile) -> None:
    """Delete a cache file; whatever needs it makes it again."""
    forget_verified(found.file)
    found.file.unlink(missing_ok=True)


def _describe(competition: str, file: Path) -> CacheFile:
    count = file.stat().st_blocks * 512
    try:
        with h5py.File(file, "r") as h5:
            if h5.attrs.get("format") != FORMAT:
                raise KeyError("format")
            rows = h5[h5.attrs["rows"]]
            form = "plain" if rows.chunks is None else "compressed"
            state = "whole" if h5.attrs["complete"] else "half built"
            return CacheFile(competition, file, count, len(rows), h5.attrs["holds"], form, state)
    except DAMAGE:
        return CacheFile(competition, file, count, 0, "?", "?", "damaged")
