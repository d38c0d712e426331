"""The data set: a table with one row an image, on whose ids everything else is joined."""

from __future__ import annotations

import concurrent.futures
import csv
import hashlib
import io
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness import fingerprint as fp
from harness.competition import Competition
from harness.console import progress
from harness.data.archives import archives_in, unpacked
from harness.data.folds import group_by
from harness.data.readers.reader import HOLDOUT, TRAIN, Images, Listing, Reader, find, recognised
from harness.errors import UserError, some
from harness.files import read_json, write_json, write_text

Array = np.ndarray

# Training rows whose very image is also in the organiser's labelled test set: known to the table, never trained on.
EXCLUDED = "excluded"
UNLABELLED = -1
COLUMNS = ["id", "split", "label", "group", "source", "hash"]


@dataclass(frozen=True)
class Dataset:
    """A table, one row an image.

    Args:
        ids: (n,) unique strings.
        splits: (n,) "train", "holdout", "test" or "excluded".
        labels: (n,) int class numbers, ``UNLABELLED`` where there is none.
        groups: (n,) int; images of one group are copies of each other, which no split may separate.
        sources: where each image is, for ``images``.
        hashes: a hash of each image's bytes.
        classes: class names by number.
        images: gives each row's image.
        fingerprint: a hash of all of the above.
    """

    ids: tuple[str, ...]
    splits: Array
    labels: Array
    groups: Array
    sources: tuple[str, ...]
    hashes: tuple[str, ...]
    classes: tuple[str, ...]
    images: Images
    fingerprint: str

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, split: str) -> Array:
        """The row numbers of a split, ascending."""
        return np.flatnonzero(self.splits == split)

    def counts(self) -> dict[str, int]:
        return dict(Counter(self.splits.tolist()))

    def labels_of(self, ids: tuple[str, ...]) -> Array:
        """The class numbers of some ids, in their order: (len(ids),).

        Raises:
            KeyError: an id is not here.
        """
        label = dict(zip(self.ids, self.labels.tolist(), strict=True))
        return np.array([label[name] for name in ids])


def load_or_read(competition: Competition, reader: Reader, folder: Path, table: Path, made_from: str) -> Dataset:
    """The data set as kept in ``table``, or read again and kept where anything about it changed.

    Args:
        competition: declares the hold-out.
        reader: knows the layout.
        folder: the organiser's files.
        table: the CSV to keep it in; a JSON file beside it holds what it was made from.
        made_from: ``key(competition, reader, folder)``.
    """
    kept = load(reader, folder, table, made_from)
    if kept is not None:
        return kept
    listing = reader.listing(folder)
    _check(listing, folder)
    images = reader.images(folder)
    hashes, groups = _look_at_all(images, [row.source for row in listing.rows], competition.group == "near")
    numbers = {name: i for i, name in enumerate(listing.classes)}
    labels = np.array([UNLABELLED if r.label is None else numbers[r.label] for r in listing.rows], dtype=np.int32)
    splits = _hold_out(competition, np.array([r.split for r in listing.rows], dtype="U8"), labels, groups)
    used_up = [name for name, number in numbers.items() if not ((labels == number) & (splits == TRAIN)).any()]
    if used_up:
        raise UserError(
            f"the hold-out leaves no training images of these classes: {some(used_up)}.",
            "add images of them, or set a smaller holdout= in the competition's competition.py",
        )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row, split, group, digest in zip(listing.rows, splits, groups, hashes, strict=True):
        writer.writerow([row.id, split, row.label or "", group, row.source, digest])
    write_text(table, text.getvalue())
    # The JSON file goes last: a table without a matching one is not used.
    write_json(_about(table), {"made_from": made_from, "table": _digest(table), "classes": listing.classes})
    made = load(reader, folder, table, made_from)
    assert made is not None
    return made


def key(competition: Competition, reader: Reader, folder: Path) -> str:
    """What the table is made from, as a hash; cheap, and changed by any change to the files."""
    return fp.fingerprint(
        reader=reader,
        files=reader.state(folder),
        holdout=competition.holdout,
        group=competition.group,
        code=fp.code("data.dataset", "data.folds", "data.near", "data.readers.reader") + fp.code_of_class(type(reader)),
    )


def load(reader: Reader, folder: Path, table: Path, made_from: str) -> Dataset | None:
    """The kept table, or None where it is missing, stale or damaged."""
    about = read_json(_about(table))
    if about is None or about.get("made_from") != made_from:
        return None
    if not table.is_file() or about.get("table") != _digest(table):
        return None
    with table.open(newline="", encoding="utf-8") as file:
        _, *rows = csv.reader(file)
    ids, splits, labels, groups, sources, hashes = zip(*rows, strict=True)
    classes = tuple(about["classes"])
    numbers = {name: i for i, name in enumerate(classes)} | {"": UNLABELLED}
    return Dataset(
        ids=ids,
        splits=np.array(splits),
        labels=np.array([numbers[label] for label in labels], dtype=np.int32),
        groups=np.array(groups, dtype=np.int64),
        sources=sources,
        hashes=hashes,
        classes=classes,
        images=reader.images(folder),
        fingerprint=fp.fingerprint(
            ids=ids, splits=splits, labels=labels, groups=groups, hashes=hashes, classes=classes
        ),
    )


def locate(competition: Competition, given: Path, unpack_to: Path) -> tuple[Reader, Path]:
    """The reader and the folder of a competition's data, under the folder or in the archive that was given.

    Args:
        competition: knows its layouts.
        given: a folder of the organiser's files or archives, or an archive.
        unpack_to: where archives are unpacked, once.

    Raises:
        UserError: nothing is there, or no layout is recognised; says how to get the data.
    """
    library = next((reader for reader in competition.readers if not reader.on_disk), None)
    if library is not None:
        return library, given
    if not given.exists():
        raise UserError(
            f"no data for {competition.name}: there is no {given}. {competition.obtain}",
            f"harness prepare {competition.name} --data DIR",
        )
    archives = [given] if given.is_file() else archives_in(given)
    if archives and (given.is_file() or recognised(competition.readers, given) is None):
        given = unpacked(archives, unpack_to)
    return find(competition.readers, given)


def _hold_out(competition: Competition, splits: Array, labels: Array, groups: Array) -> Array:
    if competition.holdout is not None and not (splits == HOLDOUT).any():
        train = np.flatnonzero(splits == TRAIN)
        held = competition.holdout.cut(labels[train], groups[train])
        splits[train[held]] = HOLDOUT
    leaked = (splits == TRAIN) & np.isin(groups, groups[splits == HOLDOUT])
    splits[leaked] = EXCLUDED
    return splits


def _check(listing: Listing, folder: Path) -> None:
    if not any(row.split == TRAIN for row in listing.rows):
        raise UserError(f"there are no training images in {folder}.", "check the folder given with --data DIR")
    twice = [name for name, count in Counter(row.id for row in listing.rows).items() if count > 1]
    if twice:
        raise UserError(f"{len(twice):,} ids stand for several images in {folder}: {some(twice)}.", "rename them")
    broken = [row.id for row in listing.rows if {"\r", "\n"} & set(f"{row.id}{row.label}")]
    if broken:
        raise UserError(
            f"{len(broken):,} images in {folder} have a line break in their name: {some([*map(repr, broken)])}.",
            "rename them",
        )
    without = sorted(set(listing.classes) - {row.label for row in listing.rows if row.split == TRAIN and row.label})
    if without:
        raise UserError(
            f"these classes have no training images in {folder}: {some(without)}.", "add images, or drop the class"
        )


def _look_at_all(images: Images, sources: list[str], near_too: bool) -> tuple[list[str], Array]:
    """A hash of each image's bytes, and its group: copies have one number, near copies too where asked for."""
    from harness.data import near
    from harness.data.images import UnreadableError, rgb

    def look(source: str) -> tuple[str, near.Perceived | None]:
        content = images.read(source)
        plain = content if isinstance(content, bytes) else content.tobytes()
        digest = hashlib.blake2b(plain, digest_size=12).hexdigest()
        if not near_too:
            return digest, None
        try:
            image = rgb(content)
        except UnreadableError:
            return digest, None  # told of where the cache is built
        return digest, near.perceive(image) if min(image.shape[:2]) >= near.TOO_SMALL else None

    workers = (os.cpu_count() or 1) + 2  # reading waits for the disk
    with concurrent.futures.ThreadPoolExecutor(workers) as pool, progress("reading images", len(sources), "img") as bar:
        hashes, seen = [], []
        try:
            for digest, perceived in pool.map(look, sources):
                hashes.append(digest)
                seen.append(perceived)
                bar.update()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    groups = group_by(hashes)
    return hashes, near.merge(groups, seen) if near_too else groups


def _about(table: Path) -> Path:
    return table.with_suffix(".json")


def _digest(path: Path) -> str:
    return hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()
