"""``trainLabels.csv``: the layout with numbered images and a CSV of their classes."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from harness.data.readers.reader import FolderReader, Listing, Row, check_labels, images_below, lines, natural, stem
from harness.data.splits import TEST, TRAIN
from harness.utils.errors import UserError


@dataclass(frozen=True)
class LabelsFile(FolderReader):
    """Images by id, ``train/1.png``, with their classes in a CSV ``id,label``, and test images without labels.

    Test ids are the organiser's, like "1". Training numbers start at 1 too, so training ids are like "train/1".
    Classes are in alphabetical order.

    Args:
        labels: the CSV.
        train: the folder of training images.
        test: the folder of test images; used if it exists.
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

    def line_error(number: int, received: object, expected: str) -> UserError:
        return UserError(f"{file}, line {number}: {expected}. Received: {received!r}", "get the organiser's file again")

    header, *label_lines = lines(file) or [""]
    if header != "id,label":
        raise line_error(1, header, "the first line must be 'id,label'")
    labels: dict[str, str] = {}
    for number, line in enumerate(label_lines, 2):
        cells = next(csv.reader([line]), [])
        if len(cells) != 2 or not all(cells):
            raise line_error(number, line, "expected an id and a label")
        if cells[0] in labels:
            raise line_error(number, line, "this id occurs twice")
        labels[cells[0]] = cells[1]
    return labels
