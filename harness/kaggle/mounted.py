"""Finding the hidden test images in what Kaggle mounts. A kernel carries a copy of this module, so it imports little.

Kaggle runs a kernel twice: on the test images that everybody has, and, once it is submitted, on hidden ones, with a
sample submission of their ids. Where they lie is known from the public ones.
"""

from __future__ import annotations

import csv
import os
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePosixPath

from harness.data.readers.reader import is_image, natural

DEEPEST = 2  # folders between where something is looked for and where it is


class NotMountedError(Exception):
    """Something that the kernel needs is not there; the message says what is."""


@dataclass(frozen=True)
class HiddenImages:
    """Where a competition's test images lie, and what they are called.

    Args:
        folder: the folder that holds them all, below the competition's; "" for that itself.
        pattern: a regular expression that matches their paths below the competition's folder; its group is the id.
        separator: of the columns of the sample submission.
        header: whether it has a line of their names.
    """

    folder: str
    pattern: str
    separator: str = ","
    header: bool = True

    def find(self, root: Path, scratch: Path) -> dict[str, Path | None]:
        """The image of each id, in the order of the sample submission; None for an id without an image.

        Without a sample submission all images of the folder are listed.

        Args:
            root: the competition's folder.
            scratch: a folder to unpack to, where the images are in a zip.

        Raises:
            NotMountedError: there are no images, several of an id, or only of other ids.
        """
        base = self._base(root, scratch)
        found: dict[str, Path] = {}
        for path in sorted(_files_below(base, self.folder), key=natural):
            match = re.fullmatch(self.pattern, path) if is_image(path) else None
            if match is None:
                continue
            if match[1] in found:
                raise NotMountedError(f"two images are called {match[1]}: {found[match[1]]} and {base / path}")
            found[match[1]] = base / path
        if not found:
            raise NotMountedError(f"no file in {base / self.folder} matches {self.pattern}")
        listed = max(
            (self._ids(file) for file in _samples({root, base})), key=lambda ids: len({*ids} & {*found}), default=None
        )
        if listed is None:
            return {**found}
        if not {*listed} & {*found}:
            raise NotMountedError(f"the sample submission lists {listed[:3]}, and the images are {[*found][:3]}")
        return {name: found.get(name) for name in listed}

    def _base(self, root: Path, scratch: Path) -> Path:
        """What ``folder`` lies in: the competition's folder, one below it, or where its zip is unpacked."""
        for base in chain([root], _folders_below(root, DEEPEST)):
            if (base / self.folder).is_dir():
                return base
        first = PurePosixPath(self.folder).parts[0]
        for base in chain([root], _folders_below(root, DEEPEST)):
            if (base / f"{first}.zip").is_file():
                with zipfile.ZipFile(base / f"{first}.zip") as archive:
                    archive.extractall(scratch)
                return scratch if (scratch / self.folder).is_dir() else _moved_below(scratch, first)
        raise NotMountedError(f"there is no {self.folder}/ in {root}, which holds {sorted(os.listdir(root))[:10]}")

    def _ids(self, sample: Path) -> list[str]:
        with sample.open(newline="", encoding="utf-8-sig") as stream:
            rows = [row for row in csv.reader(stream, delimiter=self.separator) if row]
        return [row[0] for row in rows[1 if self.header else 0 :]]


def learned(ids: list[str], paths: list[str]) -> HiddenImages | None:
    """Where test images lie, from the public ones; None if the ids do not follow from the paths.

    Args:
        ids: of the public test images.
        paths: of their files, below the competition's folder.
    """
    parents = [PurePosixPath(path).parent.as_posix() for path in paths]
    folder = os.path.commonpath(parents) if parents else ""
    within = re.escape(folder + "/") if folder else ""
    patterns = [
        rf"{within}(?:.*/)?([^/]+)\.[^./]+",  # the name without its suffix
        rf"{within}(?:.*/)?([^/]+)",  # the name
        rf"{within}(.+)",  # the path below the folder
        rf"({within}.+)",  # the whole path
    ]
    if ids:  # all else being the same in all paths; the last place first
        places = [match.start() for match in re.finditer(f"(?={re.escape(ids[0])})", paths[0])]
        parts = [(paths[0][:place], paths[0][place + len(ids[0]) :]) for place in reversed(places)]
        patterns = [rf"{re.escape(before)}(.+){re.escape(after)}" for before, after in parts] + patterns
    for pattern in patterns:
        matches = [re.fullmatch(pattern, path) for path in paths]
        if ids and all(match and match[1] == name for match, name in zip(matches, ids, strict=True)):
            return HiddenImages(folder, pattern)
    return None


def mounted(root: Path, kinds: tuple[str, ...], name: str) -> Path:
    """The folder of a data set or a competition.

    Args:
        root: where Kaggle mounts them.
        kinds: the folders below ``root`` that may stand before the name.
        name: what it is called on Kaggle.

    Raises:
        NotMountedError: it is not there.
    """
    for folder in [root / name, *(root / kind / name for kind in kinds)]:
        if folder.is_dir():
            return folder
    for folder in _folders_below(root, DEEPEST):
        if folder.name == name:
            return folder
    there = sorted(os.listdir(root))[:10] if root.is_dir() else "nothing"
    raise NotMountedError(f"{name} is not mounted in {root}, which holds {there}")


def _samples(folders: set[Path]) -> list[Path]:
    return [
        file for folder in sorted(folders) for file in sorted(folder.glob("*.csv")) if "sample" in file.name.lower()
    ]


def _files_below(base: Path, folder: str) -> Iterator[str]:
    for above, _, names in os.walk(base / folder):
        below = Path(above).relative_to(base).as_posix()
        yield from (name if below == "." else f"{below}/{name}" for name in names)


def _folders_below(root: Path, depth: int) -> Iterator[Path]:
    """The folders below another one, so many levels deep."""
    if depth and root.is_dir():
        inside = sorted(Path(entry.path) for entry in os.scandir(root) if entry.is_dir())
        yield from inside
        for folder in inside:
            yield from _folders_below(folder, depth - 1)


def _moved_below(scratch: Path, name: str) -> Path:
    """The same folder, with what was unpacked into it moved to a folder below."""
    inside = [*scratch.iterdir()]
    (scratch / name).mkdir()
    for path in inside:
        path.rename(scratch / name / path.name)
    return scratch
