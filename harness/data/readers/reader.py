"""The interface of a reader: it recognises a layout, lists its rows and reads its images."""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np

from harness.utils.errors import UserError, some

Array = np.ndarray

IMAGE_SUFFIXES = {
    ".avif", ".bmp", ".dcm", ".dicom", ".gif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".npy", ".pgm", ".png", ".ppm",
    ".tif", ".tiff", ".webp",
}  # fmt: skip
# Images too, but of kinds that neither OpenCV nor Pillow reads, or not as RGB.
OTHER_SUFFIXES = {
    ".arw", ".cr2", ".cr3", ".dng", ".exr", ".hdr", ".heic", ".heif", ".jxl", ".nef", ".orf", ".psd", ".raf",
    ".svg", ".svs", ".tga",
}  # fmt: skip


# How predictions of images of one row become the row's.
Joined = Literal["mean", "max"]


class Row(NamedTuple):
    """One image: its id, its label (None without one), its split, where its bytes are, its group and its row, if any.

    A label is a class's name, the text of a cell, or the names of the columns that hold a 1. Rows of one group, such as
    the images of a patient, are not separated by a fold or the hold-out. Images of one ``row`` are one row of the CSV,
    as a left and a right eye may be: the first of them has the row's id, and their predictions are joined. ``cells``
    are those of the listing's further columns, in their order.
    """

    id: str
    label: str | tuple[str, ...] | None
    split: str
    source: str
    group: str | None = None
    row: str | None = None
    cells: tuple[str, ...] = ()


class Listing(NamedTuple):
    """The rows and the class names of a data set, both in the organiser's order.

    ``sampled`` holds the columns of the sample submission after the first one, where there is one. ``joined`` says how
    predictions of images of one row become the row's. ``numbers`` and ``categories`` are the names of further columns
    that are known of each image, numbers first.
    """

    rows: list[Row]
    classes: tuple[str, ...]
    sampled: tuple[str, ...] = ()
    joined: Joined = "mean"
    numbers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()


class ImageSource(Protocol):
    """Reads a row's image: encoded bytes, or a decoded (height, width[, 3]) uint8 RGB array."""

    def read(self, source: str) -> bytes | Array: ...


@dataclass(frozen=True)
class Files:
    """Images that are files below a folder; a source is a path relative to it."""

    root: Path

    def read(self, source: str) -> bytes:
        return (self.root / source).read_bytes()


@runtime_checkable
class Reader(Protocol):
    """A reader of one layout. Implementations are frozen dataclasses, whose fields are part of the data set's key."""

    @property
    def looks_for(self) -> str:
        """What the layout looks like, for the message when it is not found."""
        ...

    @property
    def on_disk(self) -> bool:
        """Whether the data is on the disk and must be found; otherwise it comes from an installed library."""
        ...

    def matches(self, folder: Path) -> bool:
        """Whether this folder itself has the layout; cheap."""
        ...

    def state(self, folder: Path) -> Any:
        """What the listing depends on: JSON-able, cheap to get without reading an image, and changed by any change."""
        ...

    def listing(self, folder: Path) -> Listing: ...

    def images(self, folder: Path) -> ImageSource: ...


class FolderReader:
    """The methods that readers of files on the disk share."""

    on_disk = True

    def state(self, folder: Path) -> Any:
        # The last one is the time of any change, which no program can set back as it can that of the last write.
        return [(path, about.st_size, about.st_mtime_ns, about.st_ctime_ns) for path, about in walk(folder)]

    def images(self, folder: Path) -> ImageSource:
        return Files(folder)


def walk(folder: Path, below: str = "") -> Iterator[tuple[str, os.stat_result]]:
    """Every file below a folder except hidden ones, in natural order: (relative path with forward slashes, stat)."""
    with os.scandir(folder / below if below else folder) as entries:
        for entry in sorted(entries, key=lambda item: natural(item.name)):
            path = f"{below}/{entry.name}" if below else entry.name
            if entry.name.startswith(".") or entry.name == "__MACOSX":
                continue
            if any("\ud800" <= character <= "\udfff" for character in entry.name):
                # Python's escapes for undecodable bytes: such a name cannot be written to a CSV.
                raise UserError(f"{path!r} in {folder} has a name that is not UTF-8.", "rename it")
            if entry.is_symlink() and not (folder / path).exists():
                raise UserError(f"{folder / path} is a link to nothing.", "remove it, or restore its target")
            if not entry.is_dir():
                about = entry.stat()
                if not stat.S_ISREG(about.st_mode):
                    raise UserError(f"{folder / path} is no file but a pipe, a socket or a device.", "remove it")
                yield path, about
            elif not entry.is_symlink() or not _is_entered(folder, below, (folder / path).resolve()):
                yield from walk(folder, path)


def _is_entered(folder: Path, below: str, target: Path) -> bool:
    """Whether the way down from a folder has led through a link's target, or from below it: it would never end."""
    way = [folder / below, *(folder / parent for parent in PurePosixPath(below).parents)]
    return any(one.resolve().is_relative_to(target) for one in way)


def natural(name: str) -> list[tuple[int, int | str]]:
    """A sort key that puts ``cat.2.jpg`` before ``cat.10.jpg``."""
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in re.split(r"(\d+)", name)]


def is_image(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in IMAGE_SUFFIXES


def images_below(folder: Path, below: str) -> list[str]:
    """Every image below ``folder / below``, as paths relative to ``folder``, in natural order."""
    return [path for path, _ in walk(folder, below) if is_image(path)]


def left_out(folder: Path) -> str | None:
    """What is said of images below a folder that are of kinds that cannot be read; None if there are none."""
    paths = [path for path, _ in walk(folder) if PurePosixPath(path).suffix.lower() in OTHER_SUFFIXES]
    if not paths:
        return None
    kinds = Counter(PurePosixPath(path).suffix.lower() for path in paths)
    counts = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common())
    return (
        f"left out: {len(paths):,} images of kinds that cannot be read ({counts}): {some(paths, 3)}. "
        "Their ids will be missing; convert them to PNG or JPEG to have them."
    )


def stem(path: str) -> str:
    """A file's name without its suffix: ``train/cat.0.jpg`` gives ``cat.0``."""
    return PurePosixPath(path).stem


def file_name(path: str) -> str:
    """A file's name with its suffix: ``test/0.jpg`` gives ``0.jpg``."""
    return PurePosixPath(path).name


def lines(file: Path) -> list[str]:
    """The lines of a text file.

    Raises:
        UserError: the file is not UTF-8 text.
    """
    try:
        return file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UserError(f"{file} is not UTF-8 text (byte {error.start:,}).", "get the organiser's file again") from None


def check_labels(file: Path, labelled: Iterable[str], images: Iterable[str]) -> None:
    """Raise an error if a label file and the images beside it do not match.

    Args:
        file: the label file.
        labelled: the names of the images in it.
        images: the names of the images on the disk.

    Raises:
        UserError: there are labels without an image, or images without a label.
    """
    labelled_names, image_names = dict.fromkeys(labelled), dict.fromkeys(images)
    without_image = [name for name in labelled_names if name not in image_names]
    without_label = [name for name in image_names if name not in labelled_names]
    problems = []
    if without_image:
        problems.append(f"it names {len(without_image):,} images that are not there ({some(without_image, 3)})")
    if without_label:
        problems.append(f"{len(without_label):,} images have no label in it ({some(without_label, 3)})")
    if problems:
        raise UserError(f"{file} does not fit its images: {'; '.join(problems)}.", "unpack the organiser's files again")


def recognised(readers: tuple[Reader, ...], root: Path) -> tuple[Reader, Path] | None:
    """The first reader that recognises ``root`` or a folder one or two levels below it, and that folder."""
    folders = [
        root,
        *_subfolders(root),
        *(subfolder for folder in _subfolders(root) for subfolder in _subfolders(folder)),
    ]
    return next(((reader, folder) for folder in folders for reader in readers if reader.matches(folder)), None)


def find(readers: tuple[Reader, ...], root: Path) -> tuple[Reader, Path]:
    """The same as ``recognised``, but never None.

    Raises:
        UserError: no layout is recognised; the message says what was looked for and what was found.
    """
    match = recognised(readers, root)
    if match is not None:
        return match
    visible = _visible(root)
    while len(visible) == 1 and visible[0].is_dir():
        visible = _visible(visible[0])
    entries = [path.relative_to(root).as_posix() + "/" * path.is_dir() for path in visible]
    layouts = "\n".join(f"  - {reader.looks_for}" for reader in readers)
    raise UserError(
        f"no known layout in {root} (or two folders below).\nLooked for:\n{layouts}\n"
        f"Found: {some(entries, 8) or 'nothing'}.",
        "give the right folder: --data DIR, or --from DIR where a competition is new",
    )


def _visible(folder: Path) -> list[Path]:
    return sorted((path for path in folder.iterdir() if path.name[0] != "."), key=lambda path: natural(path.name))


def _subfolders(folder: Path) -> list[Path]:
    # There can be hundreds of class folders, so only the first few are searched.
    return [path for path in _visible(folder) if path.is_dir()][:50]
