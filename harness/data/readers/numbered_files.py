"""``jpg/image_0001.jpg``: the layout in which a file's number decides its class."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from harness.data.readers.reader import FolderReader, Listing, Row, images_below, stem
from harness.data.splits import TRAIN
from harness.utils.console import say
from harness.utils.errors import UserError, some


@dataclass(frozen=True)
class NumberedFiles(FolderReader):
    """Images numbered from 1, with ``each`` consecutive numbers per class. Ids are paths relative to the data folder.

    Args:
        classes: the class names, in the order of the numbers.
        each: how many numbers a class has.
        folder: the folder of images.
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
        invalid = [path for path in paths if not 1 <= _number(path) <= self._last]
        if invalid:
            raise UserError(
                f"{len(invalid):,} images in {folder / self.folder} are not numbered "
                f"image_0001 … image_{self._last:04d}: {some(invalid)}.",
                "remove them",
            )
        # The number alone decides the class, so a missing image does not shift the others; but it is reported.
        missing = self._last - len({_number(path) for path in paths})
        if missing:
            say(f"{missing:,} of the {self._last:,} images are not in {folder / self.folder}; continuing without them.")
        rows = [Row(path, self.classes[(_number(path) - 1) // self.each], TRAIN, path) for path in paths]
        return Listing(rows, self.classes)


def _number(path: str) -> int:
    """The number in an image's name; 0 if it has none."""
    match = re.fullmatch(r"image_([0-9]+)", stem(path))
    return int(match[1]) if match else 0
