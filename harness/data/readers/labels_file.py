"""``trainLabels.csv``: the layout in which images are numbered and a CSV gives their classes."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from harness.data.readers.reader import (
    TEST,
    TRAIN,
    FolderReader,
    Listing,
    Row,
    check_labels,
    images_below,
    lines,
    natural,
    stem,
)
from harness.errors import UserError


@dataclass(frozen=True)
class LabelsFile(FolderReader):
    """Images by id, ``train/1.png``, their classes in a CSV ``id,label``, and test images without labels.

    Test ids are the organiser's, "1". Training numbers begin at 1 too, so training ids are "train/1".
    Classes are in alphabetical order.

    Args:
        labels: the CSV.
        train: the folder of training images.
        test: the folder of test images; optional.
    """

    labels: str = "trainLabels.csv"
    train: str = "train"
    test: str = "test"

    @property
    def looks_for(self) -> str:
        return f"{self.labels} (id,label) with {self.train}/<id>.png (and {self.test}/<id>.png)"

    def matches(self, folder: Path) -> bool:
        return (folder / self.labels).is_file() and (folder / self.train).is_dir()

    def listing(self, folder: Path) -> Listing:
        labels = _labels(folder / self.labels)
        paths = images_below(folder, self.train)
        check_labels(folder / self.labels, labels, map(stem, paths))
        rows = [Row(f"{self.train}/{stem(path)}", labels[stem(path)], TRAIN, path) for path in paths]
        if (folder / self.test).is_dir():
            rows += [Row(stem(path), None, TEST, path) for path in images_below(folder, self.test)]
        return Listing(rows, tuple(sorted(set(labels.values()), key=natural)))


def _labels(file: Path) -> dict[str, str]:
    """The class of each id."""

    def refuse(number: int, found: object, wanted: str) -> UserError:
        return UserError(f"{file}, line {number}: {wanted}. Received: {found!r}", "get the organiser's file again")

    header, *rows = lines(file) or [""]
    if header != "id,label":
        raise refuse(1, header, "the first line must be 'id,label'")
    labels: dict[str, str] = {}
    for number, text in enumerate(rows, 2):
        row = next(csv.reader([text]), [])
        if len(row) != 2 or not all(row):
            raise refuse(number, text, "an id and a label are wanted")
        if row[0] in labels:
            raise refuse(number, text, "each id may stand there once")
        labels[row[0]] = row[1]
    return labels
