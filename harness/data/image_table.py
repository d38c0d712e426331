"""The table of images, kept as a CSV: made of a reader's listing, hashes of the images and the hold-out, once."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from harness.data import added
from harness.data.columns import Columns
from harness.data.dataset import EXCLUDED, Dataset
from harness.data.folds import HoldOut, join_groups
from harness.data.hashing import hash_and_group
from harness.data.readers.reader import Listing, Reader, left_out
from harness.data.splits import HOLDOUT, TRAIN
from harness.data.targets import MULTICLASS, Targets
from harness.data.windowed import Windowed
from harness.data.windows import Window
from harness.utils import fingerprint as fp
from harness.utils.console import say
from harness.utils.errors import UserError, some
from harness.utils.files import table_about, write_table
from harness.utils.versions import STEPS, versions

Array = np.ndarray

# Which copies of an image must stay in the same split and fold: exact ones, or near duplicates too.
Group = Literal["exact", "near"]
COLUMNS = ["id", "split", "label", "group", "source", "hash"]


@dataclass(frozen=True)
class ImageTable:
    """A table of images, and the CSV that keeps it; a JSON file beside that holds the key it was made from.

    Args:
        reader: reads the layout.
        folder: the organiser's files.
        file: the CSV.
        holdout: how to split off the hold-out if the reader supplies none.
        group: which copies stay in the same split: "exact" ones, or "near" duplicates too.
        targets: the kind of the labels.
        window: which value is black and which is white in images of more than 8 bits.
    """

    reader: Reader
    folder: Path
    file: Path
    holdout: HoldOut | None
    group: Group = "exact"
    targets: Targets = MULTICLASS
    window: Window = "file"

    def load(self) -> Dataset | None:
        """The kept data set, or None if it is missing, stale or damaged; reads no image."""
        return self._load(self.key())

    def load_or_read(self) -> Dataset:
        """The kept data set; where anything has changed, it is read and kept again.

        Where only test images were added, the kept rows stay as they are, and the new ones are its ``added``.
        """
        made_from = self.key()
        dataset = self._load(made_from)
        if dataset is None:
            self._read(made_from)
            dataset = self._load(made_from)
            assert dataset is not None
        return dataset

    def key(self) -> str:
        """A hash of all that the table is made from: cheap to compute, and another one after any change to a file."""
        return fp.fingerprint(files=self.reader.state(self.folder), **self._rules())

    def _rules(self) -> dict[str, Any]:
        """Everything the table is made from but the files."""
        near = ["near_duplicates"] if self.group == "near" else []
        return {
            "reader": self.reader,
            "holdout": self.holdout,
            "group": self.group,
            "steps": versions("dataset", "folds", *reader_steps(self.reader), *near),
            "code": fp.competitor_code(self.reader, self.holdout),
            **_of_kind(self.targets),
            **_of_window(self.window),
        }

    def _read(self, made_from: str) -> None:
        """Make the table of the organiser's files."""
        listing, targets = self.reader.listing(self.folder), self.targets
        _check(listing, self.folder)
        if self.reader.on_disk and (missing := left_out(self.folder)):
            say(missing)
        classes, cells = labelled(listing, targets)
        labels = targets.parse(cells, classes)
        splits = np.array([row.split for row in listing.rows], dtype="U8")
        _check_classes(targets.missing(labels[splits == TRAIN], classes), self.folder)
        images, sources = self.reader.images(self.folder), [row.source for row in listing.rows]
        about = {"classes": classes, "rules": fp.fingerprint(**self._rules())}
        if added.extend(self.file, made_from, about, listing.rows, cells, images):
            return
        hashes, groups = hash_and_group(images, sources, self.group == "near", self.window)
        groups = join_groups(groups, [row.group for row in listing.rows])
        groups = join_groups(groups, [row.row for row in listing.rows])
        grouped = any(row.group is not None for row in listing.rows)
        splits = self._with_hold_out(splits, labels, groups, grouped)
        empty_classes = targets.missing(labels[splits == TRAIN], classes)
        if empty_classes:
            raise UserError(
                f"the hold-out leaves no training images of these classes: {some(empty_classes)}.",
                "add images of them, or set a smaller holdout= in the competition's competition.py",
            )
        _write(self.file, listing, (splits, cells, groups, hashes), made_from, **about, grouped=grouped)

    def _with_hold_out(self, splits: Array, labels: Array, groups: Array, grouped: bool) -> Array:
        """The splits, in place, with a hold-out if there was none, and without training copies of hold-out images."""
        if self.holdout is not None and not (splits == HOLDOUT).any():
            train = np.flatnonzero(splits == TRAIN)
            is_held_out = self.holdout.cut(self.targets.strata(labels[train]), groups[train], grouped)
            splits[train[is_held_out]] = HOLDOUT
        leaked = (splits == TRAIN) & np.isin(groups, groups[splits == HOLDOUT])
        splits[leaked] = EXCLUDED
        return splits

    def _load(self, made_from: str) -> Dataset | None:
        description = table_about(self.file, made_from)
        # Of added images an older version did not keep the order: reading them anew changes nothing else.
        if description is None or (description.get("added") and "test_order" not in description):
            return None
        with self.file.open(newline="", encoding="utf-8") as file:
            _, *all_rows = csv.reader(file)
        rows = all_rows[: len(all_rows) - description.get("added", 0)]
        ids, splits, labels, groups, _, hashes, *more = zip(*rows, strict=True)
        classes = tuple(description["classes"])
        first_of, joined = None, description.get("joined", "mean")
        row_of = more[:1] if "joined" in description else []
        if row_of:
            number_of = {image_id: number for number, image_id in enumerate(ids)}
            first_of = np.array([number_of[name] for name in row_of[0]])
        made_of = {"ids": ids, "splits": splits, "labels": labels, "groups": groups, "hashes": hashes}
        return self._dataset(
            rows,
            classes,
            made_of | ({"rows": row_of, "joined": joined} if row_of else {}),
            grouped=bool(description.get("grouped")),
            first_of=first_of,
            joined=joined,
            columns=_columns(description, more[len(row_of) :]),
            added=self._added(all_rows[len(rows) :], classes),
            test_order=tuple(description["test_order"]) if "test_order" in description else None,
        )

    def _added(self, rows: list[list[str]], classes: tuple[str, ...]) -> Dataset | None:
        """The data set of the test images that were added; None without any."""
        if not rows:
            return None
        return self._dataset(
            rows, classes, {"added": [row[added.ID] for row in rows], "hashes": [row[added.HASH] for row in rows]}
        )

    def _dataset(
        self, rows: list[list[str]], classes: tuple[str, ...], made_of: dict[str, Any], **more: Any
    ) -> Dataset:
        """The data set of some kept rows.

        Args:
            rows: of the CSV.
            classes: the names of the predictions' columns.
            made_of: what of the rows is in its fingerprint.
            more: its further parts.
        """
        ids, splits, labels, groups, sources, hashes, *_ = zip(*rows, strict=True)
        return Dataset(
            ids=ids,
            splits=np.array(splits),
            labels=self.targets.parse(labels, classes),
            groups=np.array(groups, dtype=np.int64),
            sources=sources,
            hashes=hashes,
            classes=classes,
            images=Windowed(self.reader.images(self.folder), self.window),
            fingerprint=fp.fingerprint(**made_of, classes=classes, **_of_kind(self.targets), **_of_window(self.window)),
            targets=self.targets,
            **more,
        )


def _write(
    table: Path, listing: Listing, made: tuple[Array, list[str], Array, list[str]], made_from: str, **about: Any
) -> None:
    """Keep a listing, and what was made of its rows: splits, labels, groups and hashes."""
    several = any(row.row is not None for row in listing.rows)
    further = (*listing.numbers, *listing.categories)
    lines = []
    for row, split, cell, group, image_hash in zip(listing.rows, *made, strict=True):
        of_row = [row.id if row.row is None else row.row] if several else []
        lines.append([row.id, split, cell, group, row.source, image_hash, *of_row, *row.cells])
    about |= {"joined": listing.joined} if several else {}
    about |= {"numbers": listing.numbers, "categories": listing.categories} if further else {}
    write_table(table, [*COLUMNS, *(["row"] if several else []), *further], lines, made_from, **about)


def labelled(listing: Listing, targets: Targets) -> tuple[tuple[str, ...], list[str]]:
    """The classes of a listing, and its labels as cells of the kept table.

    Raises:
        UserError: labels that are not of the kind.
    """
    labels = [row.label for row in listing.rows]
    classes = targets.classes_of(labels, listing.classes, listing.sampled)
    return classes, targets.cells(labels, classes, [row.id for row in listing.rows])


def _of_kind(targets: Targets) -> dict[str, Any]:
    """The kind and its version as parts of a key: in the data set's fingerprint, and so in all that is made of it.

    One class an image, which was the only kind before there was a version of kinds, is none of either; it is the same
    in version 2.
    """
    version = versions("targets")
    return {} if targets == MULTICLASS and version == {"targets": 2} else {"targets": targets, "kinds": version}


def _of_window(window: Window) -> dict[str, Any]:
    """The declared window as a part of a key: in the data set's fingerprint, and so in what is made of its pixels."""
    return {} if window == "file" else {"window": window}


def reader_steps(reader: Reader) -> tuple[str, ...]:
    """The step of one of the harness's own readers; empty for a competitor's reader, whose code is hashed instead."""
    step = ".".join(type(reader).__module__.split(".")[-2:])
    return (step,) if step in STEPS else ()


def _columns(description: dict[str, Any], cells: list[tuple[str, ...]]) -> Columns | None:
    """The further columns of a kept table, as its description names them; None where there are none."""
    numbers = tuple(description.get("numbers", ()))
    names = (*numbers, *description.get("categories", ()))
    if not names:
        return None
    return Columns({name: np.array(each) for name, each in zip(names, cells, strict=True)}, numbers)


def _check(listing: Listing, folder: Path) -> None:
    if not any(row.split == TRAIN for row in listing.rows):
        raise UserError(f"there are no training images in {folder}.", "check the folder given with --data DIR")
    duplicate_ids = [name for name, count in Counter(row.id for row in listing.rows).items() if count > 1]
    if duplicate_ids:
        raise UserError(
            f"{len(duplicate_ids):,} ids name several images in {folder}: {some(duplicate_ids)}.", "rename them"
        )
    bad_ids = [row.id for row in listing.rows if {"\r", "\n"} & set(f"{row.id}{row.label}")]
    if bad_ids:
        raise UserError(
            f"{len(bad_ids):,} images in {folder} have a line break in their name: {some([*map(repr, bad_ids)])}.",
            "rename them",
        )


def _check_classes(empty_classes: list[str], folder: Path) -> None:
    if empty_classes:
        raise UserError(
            f"these classes have no training images in {folder}: {some(empty_classes)}.",
            "add images, or take the class away: its folder, or its name in order= in competition.py",
        )
