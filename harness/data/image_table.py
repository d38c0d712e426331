"""The table of images, kept as a CSV: made of a reader's listing, hashes of the images and the hold-out, once."""

from __future__ import annotations

import csv
import io
from collections import Counter
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
    _write(table, listing, (splits, cells, groups, hashes), made_from, **about_kept, grouped=grouped)
    dataset = load(reader, folder, table, made_from, targets, window)
    assert dataset is not None
    return dataset


def _write(
    table: Path, listing: Listing, made: tuple[Array, list[str], Array, list[str]], made_from: str, **about: Any
) -> None:
    """Keep a listing, and what was made of its rows: splits, labels, groups and hashes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    several = any(row.row is not None for row in listing.rows)
    further = (*listing.numbers, *listing.categories)
    writer.writerow([*COLUMNS, *(["row"] if several else []), *further])
    for row, split, cell, group, image_hash in zip(listing.rows, *made, strict=True):
        of_row = [row.id if row.row is None else row.row] if several else []
        writer.writerow([row.id, split, cell, group, row.source, image_hash, *of_row, *row.cells])
    about |= {"joined": listing.joined} if several else {}
    about |= {"numbers": listing.numbers, "categories": listing.categories} if further else {}
    write_table(table, text.getvalue(), made_from, **about)


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
    # Of added images an older version did not keep the order: reading them anew changes nothing else.
    if description is None or (description.get("added") and "test_order" not in description):
        return None
    with table.open(newline="", encoding="utf-8") as file:
        _, *all_rows = csv.reader(file)
    rows = all_rows[: len(all_rows) - description.get("added", 0)]
    ids, splits, labels, groups, sources, hashes, *more = zip(*rows, strict=True)
    classes = tuple(description["classes"])
    first_of, joined = None, description.get("joined", "mean")
    row_of = more[:1] if "joined" in description else []
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
        columns=_columns(description, more[len(row_of) :]),
        added=_added(all_rows[len(rows) :], classes, Windowed(reader.images(folder), window), targets),
        test_order=tuple(description["test_order"]) if "test_order" in description else None,
    )


def _columns(description: dict[str, Any], cells: list[tuple[str, ...]]) -> Columns | None:
    """The further columns of a kept table, as its description names them; None where there are none."""
    numbers = tuple(description.get("numbers", ()))
    names = (*numbers, *description.get("categories", ()))
    if not names:
        return None
    return Columns({name: np.array(each) for name, each in zip(names, cells, strict=True)}, numbers)


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
            "add images, or take the class away: its folder, or its name in order= in competition.py",
        )
