"""Test images that were added to the files of a data set after its table was made.

They come after the kept rows, and change nothing of these: not the hold-out, the folds, the caches or any key. So no
run becomes stale; finished runs predict the added images alone. The CSV has all of them in the order of the files.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from harness.data.hashing import hash_and_group
from harness.data.readers.reader import ImageSource, Row
from harness.data.splits import HOLDOUT, TEST, TRAIN
from harness.utils.console import say
from harness.utils.files import digest, read_json, write_table

# As what an image may be kept that the reader finds in a split; "excluded" were training images.
KEPT_AS = {TRAIN: (TRAIN, HOLDOUT, "excluded"), HOLDOUT: (HOLDOUT,), TEST: (TEST,)}
ID, SPLIT, LABEL, GROUP, SOURCE, HASH = range(6)  # the columns of a kept table


def extend(
    table: Path,
    made_from: str,
    about: dict[str, Any],
    rows: list[Row],
    cells: list[str],
    images: ImageSource,
) -> bool:
    """Put test images that were added into the kept table, if nothing else has changed; whether it was so.

    Those that were added before stay what they are, also where none came since and only the files' times are others.

    Args:
        table: the kept table.
        made_from: the key of all files as they are now.
        about: the "classes", and "rules", what besides the files the table is made from.
        rows, cells: what a reader finds now, and its labels as the table has them.
        images: reads them.
    """
    kept = read_json(table.with_suffix(".json"))
    known = kept is not None and table.is_file() and kept.get("table") == digest(table)
    if not known or kept is None or kept.get("rules") != about["rules"]:
        return False
    with table.open(newline="", encoding="utf-8") as file:
        header, *kept_rows = csv.reader(file)
    if kept["classes"] != list(about["classes"]) or (new := _only_added(kept_rows, rows, cells)) is None:
        return False
    if not new and not kept.get("added"):  # read anew, which leaves all as it was too
        return False
    hashes, _ = hash_and_group(images, [row.source for row in rows], near=False, window="file")
    extended = _extended(kept_rows, rows, cells, hashes, new)
    if extended is None:
        return False
    count = len(new) + kept.get("added", 0)
    place_of = {name: place for place, name in enumerate(row[ID] for row in extended if row[SPLIT] == TEST)}
    about |= {"added": count, "test_order": [place_of[row.id] for row in rows if row.split == TEST]}
    write_table(table, header, extended, made_from, **about, grouped=kept.get("grouped", False))
    if new:
        say(f"data: {len(new):,} test images were added, and nothing else has changed: finished runs predict them.")
    return True


def _only_added(kept: list[list[str]], rows: list[Row], cells: list[str]) -> list[int] | None:
    """The numbers of the rows that a kept table lacks, if all are of the test and the others are as they were.

    Args:
        kept: the rows of the table.
        rows: what a reader finds now.
        cells: the labels of these, as the table has them.

    Returns:
        None where anything else has changed but, perhaps, what is in the files.
    """
    if any(row.group is not None or row.row is not None for row in rows) or any(len(row) != HASH + 1 for row in kept):
        return None
    listed = {row.id: (row, cell) for row, cell in zip(rows, cells, strict=True)}
    for row in kept:
        now, cell = listed.pop(row[ID], (None, ""))
        if now is None or row[SPLIT] not in KEPT_AS[now.split] or (row[LABEL], row[SOURCE]) != (cell, now.source):
            return None
    if any(row.split != TEST for row, _ in listed.values()):
        return None
    return [number for number, row in enumerate(rows) if row.id in listed]


def _extended(
    kept: list[list[str]], rows: list[Row], cells: list[str], hashes: list[str], new: list[int]
) -> list[list[str]] | None:
    """The kept rows and after them the new ones, each a group of its own; None if a kept image is another now.

    Args:
        kept, rows, cells: as for ``_only_added``.
        hashes: of each listed image.
        new: from ``_only_added``.
    """
    hash_of = {row.id: digest for row, digest in zip(rows, hashes, strict=True)}
    if any(row[HASH] != hash_of[row[ID]] for row in kept):
        return None
    first = 1 + max(int(row[GROUP]) for row in kept)
    return kept + [
        [rows[number].id, TEST, cells[number], str(first + place), rows[number].source, hashes[number]]
        for place, number in enumerate(new)
    ]
