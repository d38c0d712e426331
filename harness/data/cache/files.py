"""Managing the cache files of a workspace: list, verify, remove."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import h5py

from harness.data.cache.cache import FORMAT, DamagedError, forget_verified, open_cache
from harness.data.cache.rows import DAMAGE
from harness.utils.workspace import Workspace


@dataclass(frozen=True)
class CacheFile:
    """What is known about a cache file without reading its rows.

    Args:
        competition: the competition's name.
        file: its path.
        bytes: its size on the disk.
        images: the number of images; 0 if the file cannot be read.
        holds: "images 32x32", "features efficientnet-lite0", or "?".
        form: "plain" or "compressed".
        state: "whole", "half built" (the next build resumes it) or "damaged".
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


def verify(cache_file: CacheFile) -> str | None:
    """Read every row and compare checksums: None if all are right, else what is wrong.

    A damaged file is built again by the next command that needs it.
    """
    forget_verified(cache_file.file)
    try:
        open_cache(cache_file.file)
    except DamagedError as damage:
        return str(damage)
    return None


def remove(cache_file: CacheFile) -> None:
    """Delete a cache file; the next command that needs it builds it again."""
    forget_verified(cache_file.file)
    cache_file.file.unlink(missing_ok=True)


def _describe(competition: str, file: Path) -> CacheFile:
    disk_bytes = file.lstat().st_blocks * 512  # its own: a link may lead nowhere
    try:
        with h5py.File(file, "r") as h5:
            if h5.attrs.get("format") != FORMAT:
                raise KeyError("format")
            rows = h5[h5.attrs["rows"]]
            form = "plain" if rows.chunks is None else "compressed"
            state = "whole" if h5.attrs["complete"] else "half built"
            return CacheFile(competition, file, disk_bytes, len(rows), h5.attrs["holds"], form, state)
    except DAMAGE:
        return CacheFile(competition, file, disk_bytes, 0, "?", "?", "damaged")
