"""Seeded, stratified splits that keep duplicates together: the hold-out and the folds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.data.folds_csv import assignment
from harness.data.splitting import (
    ALWAYS_TRAIN,
    SplitError,
    assign_folds,
    grouped_folds,
    grouped_part,
    has_big_groups,
    multilabel_folds,
    multilabel_part,
    parts_of,
    share,
    stratified_part,
)
from harness.utils.console import say
from harness.utils.files import table_about, write_table

Array = np.ndarray


@dataclass(frozen=True)
class HoldOut:
    """A part of the labelled rows that is split off once and never trained on.

    Args:
        part: a fraction of the rows (below 1) or their number.
        seed: the same seed gives the same rows.
    """

    part: float
    seed: int = 42

    def cut(self, strata: Array, groups: Array, grouped: bool = False) -> Array:
        """A mask of the held-out rows: (n,) bool. The only image of a class or of a label is never held out.

        Args:
            strata: (n,) class numbers, or (n, labels) of 0 and 1.
            groups: (n,) int.
            grouped: whether groups are more than copies of an image: a group then may hold several classes.
        """
        if strata.ndim == 2:
            return multilabel_part(strata, groups, self.part, self.seed)
        labels = strata
        if grouped:
            return grouped_part(labels, groups, self.part, self.seed)
        return stratified_part(labels, groups, self.part, self.seed)


@dataclass(frozen=True)
class KFold:
    """Stratified k-fold over the training rows, or a single split where ``validation`` is given.

    Args:
        k: the number of folds.
        repeats: the number of repeats, each with its own shuffle.
        validation: for a single split instead, the fraction (below 1) or the number of rows to validate on.
        seed: the same seed gives the same folds.
    """

    k: int = 5
    repeats: int = 1
    validation: float | None = None
    seed: int = 42

    def split(self, strata: Array, groups: Array, grouped: bool = False) -> Array:
        """The fold in which each row is validated: (n, repeats) int; ``ALWAYS_TRAIN`` if in none.

        What only one image shows could not be learned without it: the only image of a class or of a label stays in
        training, which is said.

        Args:
            strata: (n,) class numbers, or (n, labels) of 0 and 1.
            groups: (n,) int.
            grouped: whether groups are more than copies of an image: a group then may hold several classes, and a class
                that only one fold has stays in training.

        Raises:
            SplitError: fewer than two folds, or fewer different images than folds.
        """
        if self.validation is not None:
            is_validation = HoldOut(self.validation, self.seed).cut(strata, groups, grouped)
            return np.where(is_validation, 0, ALWAYS_TRAIN)[:, None]
        if self.k < 2 or self.repeats < 1:
            raise SplitError(
                f"KFold needs k >= 2 folds and repeats >= 1. Received: k={self.k}, repeats={self.repeats}",
                "for a single split: folds=KFold(validation=0.2)",
            )
        split = multilabel_folds if strata.ndim == 2 else grouped_folds if grouped else assign_folds
        columns = [split(strata, groups, self.k, self.seed + repeat) for repeat in range(self.repeats)]
        _say_rare(strata, groups, columns[0], self.k)
        return np.stack(columns, axis=1)

    def filled_again(self, strata: Array, groups: Array, grouped: bool = False) -> bool:
        """Whether a part of these rows may be another than it was before parts of groups came near to their size."""
        if self.validation is None or strata.ndim == 2:
            return False
        if grouped:
            return parts_of(share(self.validation, len(strata)))[0] > 1
        return has_big_groups(strata, groups, self.validation)


@dataclass(frozen=True)
class Folds:
    """The folds of the training rows, by id.

    Args:
        ids: (n,) the training rows' ids.
        assignment: (n, repeats) the fold in which each row is validated, or ``ALWAYS_TRAIN``.
    """

    ids: tuple[str, ...]
    assignment: Array

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        """(training rows, validation rows) of each fold, as positions in ``ids``."""
        for column in self.assignment.T:
            for fold in range(column.max() + 1):
                yield np.flatnonzero(column != fold), np.flatnonzero(column == fold)

    def write(self, path: Path, made_from: str = "") -> None:
        """Save as a CSV that people can share: ``id,fold``, with one fold column per repeat.

        Args:
            path: the CSV; a JSON file beside it holds its digest and ``made_from``.
            made_from: the key of what the folds were made from.
        """
        repeats = self.assignment.shape[1]
        header = ["id"] + (["fold"] if repeats == 1 else [f"fold_{repeat + 1}" for repeat in range(repeats)])
        rows = ([row_id, *map(int, row_folds)] for row_id, row_folds in zip(self.ids, self.assignment, strict=True))
        write_table(path, header, rows, made_from)

    def leaks(self, groups: Array) -> list[tuple[str, str]]:
        """Pairs of ids whose images are the same and which a fold separates, so that one validates the other.

        Args:
            groups: (n,) equal for copies of one image, in the order of ``ids``.
        """
        first_of: dict[int, int] = {}
        pairs = []
        for row, group in enumerate(groups.tolist()):
            first = first_of.setdefault(group, row)
            if (self.assignment[first] != self.assignment[row]).any():
                pairs.append((self.ids[first], self.ids[row]))
        return pairs

    @classmethod
    def read(cls, path: Path, ids: tuple[str, ...]) -> Folds:
        """Load a CSV of folds for the rows ``ids``, in any order.

        Raises:
            UserError: the file is not a CSV of folds, or is for other rows; as ``folds_csv.assignment``.
        """
        return cls(ids, assignment(path, ids))


def is_written(path: Path, made_from: str) -> bool:
    """Whether a CSV of folds is as ``Folds.write`` wrote it, from ``made_from``."""
    return table_about(path, made_from) is not None


def group_by(keys: list[str]) -> Array:
    """Group numbers, equal for rows with equal keys and in the order of first appearance: (n,) int."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def join_groups(groups: Array, keys: list[str | None]) -> Array:
    """Group numbers, equal for rows that have the same group or the same key, or are linked by such rows: (n,) int.

    Args:
        groups: (n,) int.
        keys: the key of each row; None belongs to no other.
    """
    if not any(key is not None for key in keys):
        return groups
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    numbers = group_by([f"key {key}" if key is not None else f"row {row}" for row, key in enumerate(keys)])
    first = groups.max() + 1  # a graph of both kinds of groups, linked by rows
    links = coo_array((np.ones(len(groups)), (groups, first + numbers)), shape=(first + numbers.max() + 1,) * 2)
    joined = connected_components(links, directed=False)[1]
    return group_by([str(number) for number in joined[groups]])


def _say_rare(strata: Array, groups: Array, folds: Array, k: int) -> None:
    """Say how many rows no fold validates, and which classes are in fewer folds than there are.

    Raises:
        SplitError: some fold validates nothing.
    """
    if len(set(folds[folds != ALWAYS_TRAIN].tolist())) < k:
        raise SplitError(
            f"{k} folds need {k} different training images of classes that have several, and there are "
            f"{len(np.unique(groups[folds != ALWAYS_TRAIN])):,}.",
            "set fewer folds in the competition's competition.py: folds=KFold(k=2)",
        )
    stay = int((folds == ALWAYS_TRAIN).sum())
    if stay:
        what = "label" if strata.ndim == 2 else "class"
        say(f"{stay:,} rows stay in training: they have a {what} that no other fold would have.")
