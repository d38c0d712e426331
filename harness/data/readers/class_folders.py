"""``<class>/<image>``: the layout in which a folder's name is the class of the images in it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.data.readers.reader import FolderReader, Listing, Row, file_name, images_below, natural
from harness.data.splits import HOLDOUT, TEST, TRAIN
from harness.utils.errors import UserError, some

CALLED: dict[str, Callable[[str], str]] = {"path": str, "name": file_name}


@dataclass(frozen=True)
class ClassFolders(FolderReader):
    """Images in one folder per class. Ids are paths relative to the data folder, or names.

    Args:
        train: the folder of class folders; "" for the data folder itself.
        holdout: a folder of class folders that is never trained on, if any.
        test: a folder of images without labels; used if it exists.
        test_ids: what test images are called in the organiser's CSV: their "path", or their "name" in the folder.
        labelled_ids: the same for labelled images, whose names are then to be unique; the hold-out's CSV has these.
    """

    train: str = ""
    holdout: str | None = None
    test: str | None = None
    test_ids: Literal["path", "name"] = "path"
    labelled_ids: Literal["path", "name"] = "path"

    @property
    def looks_for(self) -> str:
        prefix = f"{self.train}/" if self.train else ""
        holdout_layout = f" and {self.holdout}/<class>/<image>" if self.holdout else ""
        return f"{prefix}<class>/<image>{holdout_layout}"

    def matches(self, folder: Path) -> bool:
        required_parts = [self.train] + ([self.holdout] if self.holdout else [])
        return all((folder / part).is_dir() and len(self._classes(folder, part)) > 1 for part in required_parts)

    def listing(self, folder: Path) -> Listing:
        classes = self._classes(folder, self.train)
        rows = list(self._labelled(folder, self.train, TRAIN, classes))
        if self.holdout:
            rows += self._labelled(folder, self.holdout, HOLDOUT, classes)
        if self.test and (folder / self.test).is_dir():
            rows += [Row(CALLED[self.test_ids](path), None, TEST, path) for path in images_below(folder, self.test)]
        return Listing(rows, tuple(classes))

    def _classes(self, folder: Path, part: str) -> list[str]:
        names = [
            entry.name
            for entry in os.scandir(folder / part)
            if entry.is_dir() and not entry.name.startswith((".", "__"))
        ]
        excluded = {self.holdout, self.test} if not part else set()
        return sorted((name for name in names if name not in excluded), key=natural)

    def _labelled(self, folder: Path, part: str, split: str, classes: list[str]) -> list[Row]:
        unknown = sorted(set(self._classes(folder, part)) - set(classes))
        if unknown:
            raise UserError(
                f"{folder / part} has classes that are missing from {self.train or folder}/: {some(unknown)}.",
                "remove or rename those folders",
            )
        rows: list[Row] = []
        for label in self._classes(folder, part):
            below = f"{part}/{label}" if part else label
            paths = images_below(folder, below)
            class_rows = [Row(CALLED[self.labelled_ids](path), label, split, path) for path in paths]
            if not class_rows:
                raise UserError(
                    f"the class folder {folder / below} has no images in it.",
                    "put its images there, or remove the folder",
                )
            rows += class_rows
        return rows
