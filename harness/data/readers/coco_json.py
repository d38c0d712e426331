"""Annotations in JSON of the COCO kind: lists of images, annotations and categories that refer to each other by id."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.data.readers.patterns import FIX, columns_of, paths_of
from harness.data.readers.reader import FolderReader, Listing, Row, natural
from harness.data.readers.table import read_csv
from harness.data.splits import HOLDOUT, TEST, TRAIN
from harness.utils.console import say
from harness.utils.errors import UserError, some

AGAIN = "get the organiser's file again"
Entry = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class CocoJson(FolderReader):
    """Images whose labels are annotations in JSON, joined by ids; order means nothing.

    Ids are the images' ids as text. Where a labelled id is a test id too, all labelled ids get ``train/`` before them.
    Classes are the categories that training images have, by id, ascending. Bounding boxes are not read.

    Args:
        train: the JSON of the training images.
        holdout: the JSON of the organiser's own labelled validation images, if there is one.
        test: the JSON of the test images, which has no annotations.
        path: the path of an image; any text or number of its entry may stand in braces.
        test_path: the same for test images; None for the same pattern.
        label: what names a class: its category's "id", as a CSV holds it as a rule, or its "name".
        several: whether an image has any number of labels; else unlike annotations of one image are settled by the
            first, which is said.
        group: a part of an image's entry that no fold and no hold-out separates, such as "location".
        sample: the CSV whose first column gives the order of the test ids.

    Source: https://cocodataset.org/#format-data
    """

    train: str = "train.json"
    holdout: str | None = None
    test: str | None = "test.json"
    path: str = "{file_name}"
    test_path: str | None = None
    label: str = "id"
    several: bool = False
    group: str | None = None
    sample: str | None = "sample_submission.csv"

    @property
    def looks_for(self) -> str:
        return f"{self.train} of images, annotations and categories, with {self.path}"

    def matches(self, folder: Path) -> bool:
        return (folder / self.train).is_file()

    def listing(self, folder: Path) -> Listing:
        found = {TRAIN: self._labelled(folder, self.train, TRAIN)}
        if self.holdout:
            found[HOLDOUT] = self._labelled(folder, self.holdout, HOLDOUT)
        known = {name for row in found[TRAIN] for name in _names(row)}
        unseen = [row.id for row in found.get(HOLDOUT, []) if not known.issuperset(_names(row))]
        if unseen:
            raise UserError(
                f"{len(unseen):,} images of {folder / str(self.holdout)} are of categories that no training image has "
                f"({some(unseen, 3)}).",
                "leave holdout= out of the reader, so that a part of the training images is held out",
            )
        tests = self._tests(folder)
        rows = [row for part in found.values() for row in part]
        shared = {row.id for row in rows} & {row.id for row in tests}
        if shared or len({row.id for row in rows}) < len(rows):
            rows = [row._replace(id=f"{row.split}/{row.id}") for row in rows]
        return Listing(rows + tests, tuple(sorted(known, key=natural)))

    def _labelled(self, folder: Path, name: str, split: str) -> list[Row]:
        """The rows of a file with annotations; images without one are left out, which is said, or have no label."""
        file = folder / name
        content = _read(file)
        images, categories = _by_id(content, "images", file), _by_id(content, "categories", file)
        labels: dict[str, list[str]] = {}
        for entry in _entries(content, "annotations", file):
            image, category = (
                _reference(entry, "image_id", images, file),
                _reference(entry, "category_id", categories, file),
            )
            labels.setdefault(image, []).append(_text(categories[category], self.label, file))
        if not self.several:
            self._say_of(file, images, labels)
        kept = [name for name in images if self.several or name in labels]
        paths = _paths(folder, file, self.path, [images[name] for name in kept])
        groups = [_text(images[name], self.group, file) if self.group else None for name in kept]
        given = [tuple(dict.fromkeys(labels.get(name, ()))) for name in kept]
        return [
            Row(name, label if self.several else label[0], split, path, group)
            for name, label, path, group in zip(kept, given, paths, groups, strict=True)
        ]

    def _say_of(self, file: Path, images: dict[str, Entry], labels: dict[str, list[str]]) -> None:
        """Say how annotations were settled that do not give each image one class."""
        unlike = [name for name, given in labels.items() if len(set(given)) > 1]
        without = [name for name in images if name not in labels]
        if unlike:
            say(
                f"{file.name}: {len(unlike):,} images have annotations of several categories; the first counts "
                f"({some(unlike, 3)})."
            )
        if without:
            say(f"{file.name}: {len(without):,} images have no annotation and are left out ({some(without, 3)}).")

    def _tests(self, folder: Path) -> list[Row]:
        if self.test is None or not (folder / self.test).is_file():
            say(f"There are no test images in {folder} ({self.test}): only the hold-out can be predicted.")
            return []
        file = folder / self.test
        images = _by_id(_read(file), "images", file)
        names = [*images]
        if self.sample and (folder / self.sample).is_file():
            names = read_csv(folder / self.sample).iloc[:, 0].tolist()
            unlike = sorted(set(names) ^ set(images), key=natural)
            if unlike or len(set(names)) < len(names):
                raise UserError(
                    f"{folder / self.sample} does not list the images of {file.name}, each once: "
                    f"{some(unlike or names, 3)}.",
                    AGAIN,
                )
        paths = _paths(folder, file, self.test_path or self.path, [images[name] for name in names])
        return [Row(name, None, TEST, path) for name, path in zip(names, paths, strict=True)]


def _paths(folder: Path, file: Path, pattern: str, images: list[Entry]) -> list[str]:
    parts = columns_of(pattern)
    return paths_of(folder, file, pattern, [{part: _text(entry, part, file) for part in parts} for entry in images])


def _names(row: Row) -> tuple[str, ...]:
    return (row.label,) if isinstance(row.label, str) else row.label or ()


def _read(file: Path) -> Entry:
    """The object in a JSON file, of UTF-8 or, as some are, Latin-1 text.

    Raises:
        UserError: it is missing, or no object.
    """
    try:
        raw = file.read_bytes()
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = raw.decode("latin-1")
        content = json.loads(text)
    except FileNotFoundError:
        raise UserError(f"there is no {file}.", FIX) from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file} is no JSON that can be read: {error}", AGAIN) from None
    if not isinstance(content, dict):
        raise UserError(f"{file} holds no object of lists, but a {type(content).__name__}.", AGAIN)
    return content


def _entries(content: Entry, name: str, file: Path) -> list[Entry]:
    """One of the lists.

    Raises:
        UserError: it is missing, or holds something else than objects.
    """
    entries = content.get(name)
    if not isinstance(entries, list) or not entries:
        there = some(sorted(str(key) for key in content)) or "nothing"
        raise UserError(f"{file} has no list {name!r}. It has: {there}.", FIX)
    wrong = [number for number, entry in enumerate(entries) if not isinstance(entry, dict)]
    if wrong:
        raise UserError(f"{file}: {name}[{wrong[0]}] is no object: {entries[wrong[0]]!r:.80}", AGAIN)
    return entries


def _by_id(content: Entry, name: str, file: Path) -> dict[str, Entry]:
    """The entries of a list by their ids, as text."""
    entries = _entries(content, name, file)
    by_id = {_text(entry, "id", file): entry for entry in entries}
    if len(by_id) < len(entries):
        raise UserError(f"{file} gives {len(entries) - len(by_id):,} ids of {name!r} more than once.", AGAIN)
    return by_id


def _reference(entry: Entry, part: str, to: Iterable[str], file: Path) -> str:
    name = _text(entry, part, file)
    if name not in to:  # a dict
        raise UserError(f"{file}: an annotation's {part} is of nothing that is listed: {name!r:.80}", AGAIN)
    return name


def _text(entry: Entry, part: str, file: Path) -> str:
    """A part of an entry, as text.

    Raises:
        UserError: it is missing, or neither text nor a whole number.
    """
    value = entry.get(part)
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise UserError(
            f"{file}: {part!r} must be text or a whole number. Received: {value!r:.80} in {entry!r:.120}", FIX
        )
    return str(value)
