"""The data set: a table with one row per image. Everything else is joined to it by the images' ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from harness.data.columns import Columns
from harness.data.readers.reader import ImageSource, Joined
from harness.data.splits import TEST
from harness.data.targets import MULTICLASS, Targets

Array = np.ndarray

# Training rows whose image is also in the hold-out: they stay in the table and are never trained on.
EXCLUDED = "excluded"


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
        columns: what else is known of each image; None where the reader declares no columns. Not in the fingerprint,
            for images and folds do not depend on them.
        added: test images that came after all this was made; they are in nothing of the above. None without any.
        test_order: (test rows,) int, the numbers of the test's rows, the added ones after the others, in the order of
            the CSV; None where that is this one.
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
    columns: Columns | None = None
    added: Dataset | None = None
    test_order: tuple[int, ...] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, split: str) -> Array:
        """The row numbers of a split, in ascending order."""
        return np.flatnonzero(self.splits == split)

    def ids_of(self, rows: Array) -> tuple[str, ...]:
        """The ids of some rows, in their order."""
        return tuple(self.ids[row] for row in rows)

    @cached_property
    def row_of(self) -> dict[str, int]:
        """The row number of each id."""
        return {image_id: row for row, image_id in enumerate(self.ids)}

    def rows_of(self, ids: Iterable[str]) -> Array:
        """The row numbers of some ids, in their order.

        Raises:
            KeyError: an id is not in the table.
        """
        return np.array([self.row_of[image_id] for image_id in ids], dtype=np.int64)

    def row_ids(self, split: str) -> tuple[str, ...]:
        """The ids of a split's rows as the CSV has them, in its order: of the first images of rows."""
        rows = self.rows(split)
        firsts = rows if self.first_of is None else rows[self.first_of[rows] == rows]
        ids = self.ids_of(firsts) + (self.added.row_ids(split) if self.added else ())
        return ids if self.test_order is None or split != TEST else tuple(ids[row] for row in self.test_order)

    def join(self, rows: Array, predictions: Array) -> tuple[tuple[str, ...], Array]:
        """The predictions of some images as those of their rows.

        Args:
            rows: (n,) numbers of images.
            predictions: (n, columns).

        Returns:
            The ids of the rows of the CSV, and (ids, columns).
        """
        if self.first_of is None:
            return self.ids_of(rows), predictions
        firsts, place = np.unique(self.first_of[rows], return_inverse=True)
        if self.joined == "max":
            joined = np.full((len(firsts), predictions.shape[1]), -np.inf)
            np.maximum.at(joined, place, predictions)
            joined = self.targets.linked.normal(joined)
        else:
            joined = np.zeros((len(firsts), predictions.shape[1]))
            np.add.at(joined, place, predictions)
            joined /= np.bincount(place)[:, None]
        return self.ids_of(firsts), joined.astype(predictions.dtype)

    def counts(self) -> dict[str, int]:
        return dict(Counter(self.splits.tolist()))

    def labels_of(self, ids: tuple[str, ...]) -> Array:
        """The labels of some ids, in the order of ``ids``: a row an id.

        Raises:
            KeyError: an id is not in the table.
        """
        return self.labels[self.rows_of(ids)]

    def words(self, rows: Array | None = None) -> list[str | None]:
        """The labels of some rows, or of all, in words; None for a row without one."""
        labels = self.labels if rows is None else self.labels[rows]
        return [
            self.targets.words(label, self.classes) if is_known else None
            for label, is_known in zip(labels, self.targets.is_labelled(labels), strict=True)
        ]

    def groups_of(self, ids: tuple[str, ...]) -> Array | None:
        """The groups of some ids, (len(ids),), by which their scores are resampled; None if rows are independent."""
        if not self.grouped:
            return None
        return self.groups[self.rows_of(ids)]
