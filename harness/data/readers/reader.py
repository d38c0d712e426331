"""What a reader is: recognise a layout, list its rows, give its images."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
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
            if any("\ud800" <= letter <= "\udfff" for letter in entry.name):
                # Python's stand-in for undecodable bytes: such a name could be in no CSV.
                raise UserError(f"{path!r} in {folder} has a name that is not UTF-8.", "rename it")
            if entry.is_symlink() and not (folder / path).exists():
                raise UserError(f"{folder / path} is a link to nothing.", "remove it, or put back what it pointed to")
            if not entry.is_dir():
                yield path, entry.stat()
            elif not entry.is_symlink() or not folder.resolve().is_relative_to((folder / path).resolve()):
                yield from walk(folder, path)  # a link back up would never end


def natural(name: str) -> list[tuple[int, int | str]]:
    """A sort key under which ``cat.2.jpg`` comes before ``cat.10.jpg``."""
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in re.split(r"(\d+)", name)]


def is_image(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in IMAGE_SUFFIXES


def images_below(folder: Path, below: str) -> list[str]:
    """Every image under ``folder / below``, as paths relative to ``folder``, in natural order."""
    return [path for path, _ in walk(folder, below) if is_image(path)]


def stem(path: str) -> str:
    """A file's name without its suffix: ``train/cat.0.jpg`` gives ``cat.0``."""
    return PurePosixPath(path).stem


def lines(file: Path) -> list[str]:
    """A text file's lines.

    Raises:
        UserError: it is not UTF-8 text.
    """
    try:
        return file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UserError(f"{file} is not UTF-8 text (byte {error.start:,}).", "get the organiser's file again") from None


def check_labels(file: Path, labelled: Iterable[str], images: Iterable[str]) -> None:
    """Refuse a label file that does not fit the images beside it.

    Args:
        file: the label file.
        labelled: the images it names.
        images: the images that are there, named alike.

    Raises:
        UserError: labels without an image or images without a label, counted, with the first few.
    """
    named, there = dict.fromkeys(labelled), dict.fromkeys(images)
    missing, without = [name for name in named if name not in there], [name for name in there if name not in named]
    told = [f"it names {len(missing):,} images that are not there ({some(missing, 3)})"] if missing else []
    told += [f"{len(without):,} images have no label in it ({some(without, 3)})"] if without else []
    if told:
        raise UserError(f"{file} does not fit its images: {'; '.join(told)}.", "unpack the organiser's files again")


def recognised(readers: tuple[Reader, ...], given: Path) -> tuple[Reader, Path] | None:
    """The first reader whose layout is at ``given`` or one or two folders below it, and that folder."""
    folders = [given, *_below(given), *(deeper for folder in _below(given) for deeper in _below(folder))]
    return next(((reader, folder) for folder in folders for reader in readers if reader.matches(folder)), None)


def find(readers: tuple[Reader, ...], given: Path) -> tuple[Reader, Path]:
    """The same.

    Raises:
        UserError: none is there; the message says what was looked for and what was found.
    """
    found = recognised(readers, given)
    if found is not None:
        return found
    shown = _visible(given)
    while len(shown) == 1 and shown[0].is_dir():
        shown = _visible(shown[0])
    entries = [path.relative_to(given).as_posix() + "/" * path.is_dir() for path in shown]
    wanted = "\n".join(f"  - {reader.looks_for}" for reader in readers)
    raise UserError(
        f"no known layout in {given} (or two folders below).\nLooked for:\n{wanted}\n"
        f"Found: {some(entries, 8) or 'nothing'}.",
        "give the right folder with --data DIR",
    )


def _visible(folder: Path) -> list[Path]:
    return sorted((path for path in folder.iterdir() if path.name[0] != "."), key=lambda path: natural(path.name))


def _below(folder: Path) -> list[Path]:
    # Class folders can number in the hundreds, so only a small fan-out is worth looking into.
    return [path for path in _visible(folder) if path.is_dir()][:50]
