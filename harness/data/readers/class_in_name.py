"""``train/cat.0.jpg``: the layout in which a file's name begins with its class."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from harness.data.readers.reader import FolderReader, Listing, Row, images_below, is_image, stem
from harness.data.splits import TEST, TRAIN
from harness.utils.console import say
from harness.utils.errors import UserError, some


@dataclass(frozen=True)
class ClassInName(FolderReader):
    """Training images whose class is the part of their name before the first dot, and test images without a class.

    Ids are names without their suffix: "cat.0" for training, "1" for the test, as in the organiser's CSV.

    Args:
        classes: the class names, in order.
        train: the folder of training images.
        tests: folders of images without labels; those that exist are used.
    """

    classes: tuple[str, ...]
    train: str = "train"
    tests: tuple[str, ...] = ("test1", "test")

    @property
    def looks_for(self) -> str:
        names = ", ".join(f"{self.train}/{name}.N.jpg" for name in self.classes)
        return f"{names} (and {' or '.join(f'{part}/N.jpg' for part in self.tests)})"

    def matches(self, folder: Path) -> bool:
        if not (folder / self.train).is_dir():
            return False
        with os.scandir(folder / self.train) as entries:
            return any(_class(entry.name) in self.classes and is_image(entry.name) for entry in entries)

    def listing(self, folder: Path) -> Listing:
        paths = images_below(folder, self.train)
        unknown = [path for path in paths if _class(path) not in self.classes]
        if unknown:
            raise UserError(
                f"{len(unknown):,} images in {folder / self.train} have names that start with none of the classes "
                f"{', '.join(self.classes)}: {some(unknown)}.",
                "remove or rename them",
            )
        rows = [Row(stem(path), _class(path), TRAIN, path) for path in paths]
        for part in self.tests:
            if (folder / part).is_dir():
                rows += [Row(stem(path), None, TEST, path) for path in images_below(folder, part)]
        if rows[-1].split == TRAIN:
            say(
                f"There are no test images beside {folder / self.train} ({' or '.join(self.tests)}): only the hold-out "
                "can be predicted."
            )
        return Listing(rows, self.classes)


def _class(path: str) -> str:
    return path.rpartition("/")[2].partition(".")[0]
