"""``train/cat.0.jpg``: the layout in which a file's name begins with its class."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from harness.console import say
from harness.data.readers.reader import TEST, TRAIN, FolderReader, Listing, Row, images_below, is_image, stem
from harness.errors import UserError, some


@dataclass(frozen=True)
class ClassInName(FolderReader):
    """Training images whose class is their name's part before the first dot, and test images without one.

    Ids are names without suffix: "cat.0" in training, "1" in the test, as the organiser's CSV wants it.

    Args:
        classes: the class names, in order.
        train: the folder of training images.
        tests: folders of images without labels; whichever are there are used.
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
        strange = [path for path in paths if _class(path) not in self.classes]
        if strange:
            raise UserError(
                f"{len(strange):,} images in {folder / self.train} begin with none of the classes "
                f"{', '.join(self.classes)}: {some(strange)}.",
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
