"""``jpg/image_0001.jpg``: the layout in which a file's number decides its class."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from harness.console import say
from harness.data.readers.reader import TRAIN, FolderReader, Listing, Row, images_below, stem
from harness.errors import UserError, some


@dataclass(frozen=True)
class NumberedFiles(FolderReader):
    """Images numbered from 1, so many consecutive numbers a class; ids are the paths below the data folder.

    Args:
        classes: the class names, in the order of the numbers.
        each: how many numbers a class has.
        folder: where the images are.
    """

    classes: tuple[str, ...]
    each: int
    folder: str = "jpg"

    @property
    def looks_for(self) -> str:
        return f"{self.folder}/image_0001.jpg … image_{self._last:04d}.jpg"

    @property
    def _last(self) -> int:
        return self.each * len(self.classes)

    def matches(self, folder: Path) -> bool:
        if not (folder / self.folder).is_dir():
            return False
        with os.scandir(folder / self.folder) as entries:
            return any(_number(entry.name) for entry in entries)

    def listing(self, folder: Path) -> Listing:
        paths = images_below(folder, self.folder)
        strange = [path for path in paths if not 1 <= _number(path) <= self._last]
        if strange:
            raise UserError(
                f"{len(strange):,} images in {folder / self.folder} are not numbered "
                f"image_0001 … image_{self._last:04d}: {some(strange)}.",
                "remove them",
            )
        # The number alone decides the class, so a missing one shifts no other; but it should not go unseen.
        missing = self._last - len({_number(path) for path in paths})
        if missing:
            say(f"{missing:,} of the {self._last:,} images are not in {folder / self.folder}; going on without them.")
        rows = [Row(path, self.classes[(_number(path) - 1) // self.each], TRAIN, path) for path in paths]
        return Listing(rows, self.classes)


def _number(path: str) -> int:
    """The number in an image's name; 0 where it has none."""
    found = re.fullmatch(r"image_([0-9]+)", stem(path))
    return int(found[1]) if found else 0
