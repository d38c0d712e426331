"""The data set: a table with one row per image. Everything else is joined to it by the images' ids."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from harness.data import added
from harness.data.archives.archives import archives_in, tables_beside, unpacked
from harness.data.folds import HoldOut, join_groups
from harness.data.hashing import hash_and_group
from harness.data.readers.reader import ImageSource, Joined, Listing, Reader, find, left_out, recognised
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

# Training rows whose image is also in the hold-out: they stay in the table and are never trained on.
EXCLUDED = "excluded"
# Which copies of an image must stay in the same split and fold: exact ones, or near duplicates too.
Group = Literal["exact", "near"]
COLUMNS = ["id", "split", "label", "group", "source", "hash"]


@dataclass(frozen=True)
class Dataset:
    """A table with one row per image.

    Args:
        ids: (n,) unique strings.
        splits: (n,) "train", "holdout", "test" or "excluded".
        labels: with a row an image, of the form that ``targets`` has: (n,) class numbers, (n, labels) of 0 and 1, or
            (n,) numbers.
        groups: (n,) int; images of one group are copies of each other, or of one patient or the like, and stay in the
            same split.
        sources: the location of each image, as ``images`` reads it.
        hashes: a hash of each image's bytes.
        classes: the names of the predictions' columns: classes or labels by number.
        images: reads each row's image.
        fingerprint: a hash of the ids, splits, labels, groups, hashes and classes.
        grouped: whether the organiser's files say which rows belong together, so that rows are not independent.
        targets: the kind of the labels.
        first_of: (n,) int, for each image the number of the first image of its row, where several images are a row of
            the CSV; the first one's id is the row's. None where each image is a row.
        joined: how predictions of images of one row become the row's.
        added: test images that came after all this was made; they are in nothing of the above. None without any.
    """

    ids: tuple[str, ...]
    splits: Array
    labels: Array
    groups: Array
    sources: tuple[str, ...]
    hashes: tuple[str, ...]
    classes: tuple[str, ...]
    images: ImageSource
    fingerprint: str
    grouped: bool = False
    targets: Targets = MULTICLASS
    first_of: Array | None = None
    joined: Joined = "mean"
    added: Dataset | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, split: str) -> Array:
        """The row numbers of a split, in ascending order."""
        return np.flatnonzero(self.splits == split)

    def row_ids(self, split: str) -> tuple[str, ...]:
        """The ids of a split's rows as the CSV has them, in order: of the first images of rows; added ones last."""
        rows = self.rows(split)
        firsts = rows if self.first_of is None else rows[self.first_of[rows] == rows]
        return tuple(self.ids[row] for row in firsts) + (self.added.row_ids(split) if self.added else ())

    def join(self, rows: Array, predictions: Array) -> tuple[tuple[str, ...], Array]:
        """The predictions of some images as those of their rows.

        Args:
            rows: (n,) numbers of images.
            predictions: (n, columns).

        Returns:
            The ids of the rows of the CSV, and (ids, columns).
        """
        if self.first_of is None:
            return tuple(self.ids[row] for row in rows), predictions
        firsts, place = np.unique(self.first_of[rows], return_inverse=True)
        if self.joined == "max":
            joined = np.full((len(firsts), predictions.shape[1]), -np.inf)
            np.maximum.at(joined, place, predictions)
            joined = self.targets.linked.normal(joined)
        else:
            joined = np.zeros((len(firsts), predictions.shape[1]))
            np.add.at(joined, place, predictions)
            joined /= np.bincount(place)[:, None]
        return tuple(self.ids[first] for first in firsts), joined.astype(predictions.dtype)

    def counts(self) -> dict[str, int]:
        return dict(Counter(self.splits.tolist()))

    def labels_of(self, ids: tuple[str, ...]) -> Array:
        """The labels of some ids, in the order of ``ids``: a row an id.

        Raises:
            KeyError: an id is not in the table.
        """
        row_of = {image_id: row for row, image_id in enumerate(self.ids)}
        return self.labels[[row_of[image_id] for image_id in ids]]

    def groups_of(self, ids: tuple[str, ...]) -> Array | None:
        """The groups of some ids, (len(ids),), by which their scores are resampled; None if rows are independent."""
        if not self.grouped:
            return None
        group_of = dict(zip(self.ids, self.groups.tolist(), strict=True))
        return np.array([group_of[image_id] for image_id in ids])


def load_or_read(
    reader: Reader,
    folder: Path,
    table: Path,
    made_from: str,
    holdout: HoldOut | None,
    group: Group,
    targets: Targets = MULTICLASS,
    window: Window = "file",
    rules: str | None = None,
) -> Dataset:
    """The data set stored in ``table``; where anything has changed, it is read and stored again.

    Where only test images were added, the stored rows stay as they are, and the new ones are its ``added``.

    Args:
        reader: reads the layout.
        folder: the organiser's files.
        table: the CSV that stores it; a JSON file beside it holds the key it was made from.
        made_from: ``key(reader, folder, holdout, group, targets, window)``.
        holdout: how to split off the hold-out if the reader supplies none.
        group: which copies stay in the same split: "exact" ones, or "near" duplicates too.
        targets: the kind of the labels.
        window: which value is black and which is white in images of more than 8 bits.
        rules: ``rules_key`` of the same; None where added images are not to be told from a change.
    """
    stored = load(reader, folder, table, made_from, targets, window)
    if stored is not None:
        return stored
    listing = reader.listing(folder)
    _check(listing, folder)
    if reader.on_disk and (missing := left_out(folder)):
        say(missing)
    classes, cells = labelled(listing, targets)
    labels = targets.parse(cells, classes)
    splits = np.array([row.split for row in listing.rows], dtype="U8")
    _check_classes(targets.missing(labels[splits == TRAIN], classes), folder)
    sources = [row.source for row in listing.rows]
    about_kept = {"classes": classes, "rules": rules}
    if added.extend(table, made_from, about_kept, listing.rows, cells, reader.images(folder)):
        dataset = load(reader, folder, table, made_from, targets, window)
        assert dataset is not None
        return dataset
    hashes, groups = hash_and_group(reader.images(folder), sources, group == "near", window)
    groups = join_groups(groups, [row.group for row in listing.rows])
    groups = join_groups(groups, [row.row for row in listing.rows])
    grouped = any(row.group is not None for row in listing.rows)
    splits = _with_hold_out(holdout, splits, labels, groups, grouped, targets)
    empty_classes = targets.missing(labels[splits == TRAIN], classes)
    if empty_classes:
        raise UserError(
            f"the hold-out leaves no training images of these classes: {some(empty_classes)}.",
            "add images of them, or set a smaller holdout= in the competition's competition.py",
        )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    several = any(row.row is not None for row in listing.rows)
    writer.writerow([*COLUMNS, *(["row"] if several else [])])
    for row, split, cell, group, image_hash in zip(listing.rows, splits, cells, groups, hashes, strict=True):
        of_row = [row.id if row.row is None else row.row] if several else []
        writer.writerow([row.id, split, cell, group, row.source, image_hash, *of_row])
    about = {"joined": listing.joined} if several else {}
    write_table(table, text.getvalue(), made_from, **about_kept, grouped=grouped, **about)
    dataset = load(reader, folder, table, made_from, targets, window)
    assert dataset is not None
    return dataset


def labelled(listing: Listing, targets: Targets) -> tuple[tuple[str, ...], list[str]]:
    """The classes of a listing, and its labels as cells of the kept table.

    Raises:
        UserError: labels that are not of the kind.
    """
    labels = [row.label for row in listing.rows]
    classes = targets.classes_of(labels, listing.classes, listing.sampled)
    return classes, targets.cells(labels, classes, [row.id for row in listing.rows])


def key(
    reader: Reader,
    folder: Path,
    holdout: HoldOut | None,
    group: Group,
    targets: Targets = MULTICLASS,
    window: Window = "file",
) -> str:
    """A hash of everything the table is made from. It is cheap to compute and changes with any change to the files."""
    return fp.fingerprint(files=reader.state(folder), **_rules(reader, holdout, group, targets, window))


def rules_key(
    reader: Reader, holdout: HoldOut | None, group: Group, targets: Targets = MULTICLASS, window: Window = "file"
) -> str:
    """A hash of everything the table is made from but the files."""
    return fp.fingerprint(**_rules(reader, holdout, group, targets, window))


def _rules(reader: Reader, holdout: HoldOut | None, group: Group, targets: Targets, window: Window) -> dict[str, Any]:
    return {
        "reader": reader,
        "holdout": holdout,
        "group": group,
        "steps": versions("dataset", "folds", *reader_steps(reader), *(["near_duplicates"] if group == "near" else [])),
        "code": fp.competitor_code(reader, holdout),
        **_of_kind(targets),
        **_of_window(window),
    }


def _of_kind(targets: Targets) -> dict[str, Any]:
    """The kind and its version as parts of a key: in the data set's fingerprint, and so in all that is made of it.

    One class an image, which was the only kind before there was a version of kinds, is none of either.
    """
    version = versions("targets")
    return {} if targets == MULTICLASS and version == {"targets": 1} else {"targets": targets, "kinds": version}


def _of_window(window: Window) -> dict[str, Any]:
    """The declared window as a part of a key: in the data set's fingerprint, and so in what is made of its pixels."""
    return {} if window == "file" else {"window": window}


def reader_steps(reader: Reader) -> tuple[str, ...]:
    """The step of one of the harness's own readers; empty for a competitor's reader, whose code is hashed instead."""
    step = ".".join(type(reader).__module__.split(".")[-2:])
    return (step,) if step in STEPS else ()


def load(
    reader: Reader,
    folder: Path,
    table: Path,
    made_from: str,
    targets: Targets = MULTICLASS,
    window: Window = "file",
) -> Dataset | None:
    """The stored data set, or None if it is missing, stale or damaged."""
    description = table_about(table, made_from)
    if description is None:
        return None
    with table.open(newline="", encoding="utf-8") as file:
        _, *all_rows = csv.reader(file)
    rows = all_rows[: len(all_rows) - description.get("added", 0)]
    ids, splits, labels, groups, sources, hashes, *row_of = zip(*rows, strict=True)
    classes = tuple(description["classes"])
    first_of, joined = None, description.get("joined", "mean")
    if row_of:
        number_of = {image_id: number for number, image_id in enumerate(ids)}
        first_of = np.array([number_of[name] for name in row_of[0]])
    return Dataset(
        ids=ids,
        splits=np.array(splits),
        labels=targets.parse(labels, classes),
        groups=np.array(groups, dtype=np.int64),
        sources=sources,
        hashes=hashes,
        classes=classes,
        images=Windowed(reader.images(folder), window),
        fingerprint=fp.fingerprint(
            ids=ids,
            splits=splits,
            labels=labels,
            groups=groups,
            hashes=hashes,
            classes=classes,
            **_of_kind(targets),
            **_of_window(window),
            **({"rows": row_of, "joined": joined} if row_of else {}),
        ),
        grouped=bool(description.get("grouped")),
        targets=targets,
        first_of=first_of,
        joined=joined,
        added=_added(all_rows[len(rows) :], classes, Windowed(reader.images(folder), window), targets),
    )


def _added(rows: list[list[str]], classes: tuple[str, ...], images: Windowed, targets: Targets) -> Dataset | None:
    """The data set of the test images that were added; None without any."""
    if not rows:
        return None
    ids, splits, labels, groups, sources, hashes = zip(*rows, strict=True)
    return Dataset(
        ids=ids,
        splits=np.array(splits),
        labels=targets.parse(labels, classes),
        groups=np.array(groups, dtype=np.int64),
        sources=sources,
        hashes=hashes,
        classes=classes,
        images=images,
        fingerprint=fp.fingerprint(
            added=ids, hashes=hashes, classes=classes, **_of_kind(targets), **_of_window(images.window)
        ),
        targets=targets,
    )


def locate(readers: tuple[Reader, ...], source: Path, unpack_to: Path, name: str, obtain: str) -> tuple[Reader, Path]:
    """The reader for a competition's data, and the folder that it reads.

    Args:
        readers: the readers of the supported layouts, tried in this order.
        source: a folder of the organiser's files or archives, or one archive.
        unpack_to: the folder that archives are unpacked to, once.
        name: the competition's name, for messages.
        obtain: how to get the data, for the message when it is missing.

    Raises:
        UserError: the source does not exist, or its layout is not recognised.
    """
    library_reader = next((reader for reader in readers if not reader.on_disk), None)
    if library_reader is not None:
        return library_reader, source
    if not source.exists():
        raise UserError(
            f"no data for {name}: there is no {source}. {obtain}",
            f"harness prepare {name} --data DIR",
        )
    archives = [source] if source.is_file() else archives_in(source)
    if archives and (source.is_file() or recognised(readers, source) is None):
        source = unpacked(archives, unpack_to, tables_beside(archives))
    return find(readers, source)


def _with_hold_out(
    holdout: HoldOut | None, splits: Array, labels: Array, groups: Array, grouped: bool, targets: Targets
) -> Array:
    """The splits, in place, with a hold-out if there was none, and without training copies of hold-out images."""
    if holdout is not None and not (splits == HOLDOUT).any():
        train = np.flatnonzero(splits == TRAIN)
        is_held_out = holdout.cut(targets.strata(labels[train]), groups[train], grouped)
        splits[train[is_held_out]] = HOLDOUT
    leaked = (splits == TRAIN) & np.isin(groups, groups[splits == HOLDOUT])
    splits[leaked] = EXCLUDED
    return splits


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
            "add images, or drop the class",
        )
