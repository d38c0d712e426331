"""What a reader is: recognise a layout, list its rows, give its images."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, Protocol

import numpy as np

from harness.errors import UserError, some

Array = np.ndarray

TRAIN, HOLDOUT, TEST = "train", "holdout", "test"
IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif"}


class Row(NamedTuple):
    """One image: its id, its class (None where the organiser keeps it), its split, where its bytes are."""

    id: str
    label: str | None
    split: str
    source: str


class Listing(NamedTuple):
    """All rows of a data set, in the organiser's order, and its class names in the organiser's order."""

    rows: list[Row]
    classes: tuple[str, ...]


class Images(Protocol):
    """Gives each row's image: encoded bytes, or a decoded (height, width[, 3]) uint8 RGB array."""

    def read(self, source: str) -> bytes | Array: ...


@dataclass(frozen=True)
class Files:
    """Images that are files under a folder; a source is a path relative to it."""

    root: Path

    def read(self, source: str) -> bytes:
        return (self.root / source).read_bytes()


class Reader(Protocol):
    """A layout. Implementations are frozen dataclasses: their fields are part of what a data set is made from."""

    @property
    def looks_for(self) -> str:
        """What the layout looks like, for the message when it is not there."""
        ...

    @property
    def on_disk(self) -> bool:
        """Whether the data is on disk, and must be found, or comes from an installed library."""
        ...

    def matches(self, folder: Path) -> bool:
        """Whether this very folder has the layout; cheap."""
        ...

    def state(self, folder: Path) -> Any:
        """What the listing depends on, without reading any image: JSON-able, cheap, changed by any change."""
        ...

    def listing(self, folder: Path) -> Listing: ...

    def images(self, folder: Path) -> Images: ...


class FolderReader:
    """What readers of files on disk share."""

    on_disk = True

    def state(self, folder: Path) -> Any:
        return [(path, stat.st_size, stat.st_mtime_ns) for path, stat in walk(folder)]

    def images(self, folder: Path) -> Images:
        return Files(folder)


def walk(folder: Path, below: str = "") -> Iterator[tuple[str, os.stat_result]]:
    """Every file under a folder, as (relative path with forward slashes, stat), in natural order; not hidden ones."""
    with os.scandir(folder / below if below else folder) as entries:
        for entry in sorted(entries, key=lambda e: natural(e.name)):
            path = f"{below}/{entry.name}" if below else entry.name
            if entry.name.startswith(".") or entry.name == "__MACOSX":
                continue
            if entry.is_dir():
                yield from walk(folder, path)
            else:
                yield path, entry.stat()


def natural(name: str) -> list[tuple[int, int | str]]:
    """A sort key under which ``cat.2.jpg`` comes before ``cat.10.jpg``."""
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in re.split(r"(\d+)", name)]


def is_image(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in IMAGE_SUFFIXES


def find(readers: tuple[Reader, ...], given: Path) -> tuple[Reader, Path]:
    """The first reader whose layout is at ``given`` or one or two folders below it, and that folder.

    Raises:
        UserError: none is there; the message says what was looked for and what was found.
    """
    folders = [given, *_below(given), *(deeper for folder in _below(given) for deeper in _below(folder))]
    for folder in folders:
        for reader in readers:
            if reader.matches(folder):
                return reader, folder
    entries = sorted((e.name + "/" * e.is_dir() for e in os.scandir(given)), key=natural)
    wanted = "\n".join(f"  - {reader.looks_for}" for reader in readers)
    raise UserError(
        f"no known layout in {given} (or two folders below).\nLooked for:\n{wanted}\n"
        f"Found: {some(entries, 8) or 'nothing'}.",
        "give the right folder with --data DIR",
    )


def _below(folder: Path) -> list[Path]:
    # Class folders can number in the hundreds, so only a small fan-out is worth looking into.
    found = [Path(e.path) for e in os.scandir(folder) if e.is_dir() and not e.name.startswith(".")]
    return sorted(found)[:50]
