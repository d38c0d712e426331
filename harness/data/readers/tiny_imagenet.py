"""Tiny ImageNet's layout: classes are WordNet ids, and the labels of the validation set are in a text file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from harness.data.readers.reader import FolderReader, Listing, Row, check_labels, file_name, images_below, lines
from harness.data.splits import HOLDOUT, TEST, TRAIN
from harness.utils.errors import UserError, some


@dataclass(frozen=True)
class TinyImageNet(FolderReader):
    """Class folders for training, the organiser's labelled validation set as hold-out, and a test without labels.

    Ids are file names: "n01443537_0.JPEG", "val_0.JPEG", "test_0.JPEG". Classes are WordNet ids in the order of
    ``wnids.txt``. Bounding boxes are not read, nor ``words.txt``, the ids' meanings.

    Source: Stanford University, course CS231n.
    """

    looks_for = (
        "wnids.txt with train/<wnid>/images/*.JPEG, val/images/*.JPEG, val/val_annotations.txt (and test/images/*.JPEG)"
    )

    def matches(self, folder: Path) -> bool:
        return (folder / "wnids.txt").is_file() and (folder / "train").is_dir()

    def listing(self, folder: Path) -> Listing:
        classes = _wnids(folder / "wnids.txt")
        folders = {path.name for path in (folder / "train").iterdir() if path.is_dir()}
        for problem, names in (
            ("classes of wnids.txt have no folder", [wnid for wnid in classes if wnid not in folders]),
            ("folders are not classes of wnids.txt", sorted(folders - set(classes))),
        ):
            if names:
                raise UserError(
                    f"{len(names):,} {problem} in {folder / 'train'}: {some(names)}.",
                    "unpack the organiser's files again",
                )
        rows = [
            Row(file_name(path), wnid, TRAIN, path)
            for wnid in classes
            for path in images_below(folder, f"train/{wnid}")
        ]
        rows += _validation(folder, classes)
        if (folder / "test" / "images").is_dir():
            rows += [Row(file_name(path), None, TEST, path) for path in images_below(folder, "test/images")]
        return Listing(rows, classes)


def _wnids(file: Path) -> tuple[str, ...]:
    wnids = [line.strip() for line in lines(file)]
    for number, wnid in enumerate(wnids, 1):
        if not re.fullmatch(r"n[0-9]{8}", wnid) or wnid in wnids[: number - 1]:
            raise UserError(
                f"{file}, line {number}: expected a new WordNet id like n02124075. Received: {wnid!r}",
                "get the organiser's file again",
            )
    return tuple(wnids)


def _validation(folder: Path, classes: tuple[str, ...]) -> list[Row]:
    """The organiser's validation set, in the order of its images' numbers."""
    file = folder / "val" / "val_annotations.txt"
    if not file.is_file() or not (folder / "val" / "images").is_dir():
        raise UserError(f"val/images/ or {file.name} is missing in {folder / 'val'}.", "unpack the organiser's files")
    labels: dict[str, str] = {}
    for number, line in enumerate(lines(file), 1):
        name, wnid, *_box = [*line.split("\t"), ""]
        if wnid not in classes or name in labels:
            raise UserError(
                f"{file}, line {number}: expected a new image, a tab and a class of wnids.txt. Received: {line!r}",
                "get the organiser's file again",
            )
        labels[name] = wnid
    paths = images_below(folder, "val/images")
    check_labels(file, labels, map(file_name, paths))
    return [Row(file_name(path), labels[file_name(path)], HOLDOUT, path) for path in paths]
