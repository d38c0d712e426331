"""Seeded, stratified splits that keep duplicates together: the hold-out and the folds."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.errors import UserError, some
from harness.files import write_text

Array = np.ndarray
ALWAYS_TRAIN = -1


@dataclass(frozen=True)
class HoldOut:
    """A part of the labelled rows, cut once and never trained on.

    Args:
        part: a fraction of the rows (below 1) or their number.
        seed: the same seed cuts the same rows.
    """

    part: float
    seed: int = 42

    def cut(self, labels: Array, groups: Array) -> Array:
        """Which rows are held out: (n,) bool."""
        return _part(labels, groups, self.part, self.seed)


@dataclass(frozen=True)
class KFold:
    """Stratified k-fold over the training rows, or a single split where ``validation`` is given.

    Args:
        k: how many folds.
        repeats: how many times, each with its own shuffle.
        validation: a single split instead: the fraction (below 1) or number of rows to validate on.
        seed: the same seed deals the same folds.
    """

    k: int = 5
    repeats: int = 1
    validation: float | None = None
    seed: int = 42

    def deal(self, labels: Array, groups: Array) -> Array:
        """The fold in which each row is validated: (n, repeats) int, ``ALWAYS_TRAIN`` for rows that never are.

        Raises:
            UserError: fewer than two folds, or a class with fewer rows than folds.
        """
        if self.validation is not None:
            chosen = _part(labels, groups, self.validation, self.seed)
            return np.where(chosen, 0, ALWAYS_TRAIN)[:, None]
        if self.k < 2 or self.repeats < 1:
            raise UserError(
                f"KFold deals at least 2 folds, at least once. Received: k={self.k}, repeats={self.repeats}",
                "for a single split: folds=KFold(validation=0.2)",
            )
        _, first = np.unique(groups, return_index=True)
        smallest = np.bincount(labels[first], minlength=labels.max() + 1).min()
        if smallest < self.k:
            raise UserError(
                f"{self.k} folds need {self.k} different training images of each class, and one has {smallest}.",
                "set fewer folds in the competition's competition.py: folds=KFold(k=2)",
            )
        columns = [_deal(labels, groups, self.k, self.seed + repeat) for repeat in range(self.repeats)]
        return np.stack(columns, axis=1)


@dataclass(frozen=True)
class Folds:
    """Folds dealt to ids.

    Args:
        ids: (n,) the training rows' ids.
        assignment: (n, repeats) the fold in which each row is validated.
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

    def write(self, path: Path) -> None:
        """Save as a CSV that people can share: ``id,fold`` with one fold column a repeat."""
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        repeats = self.assignment.shape[1]
        table.writerow(["id"] + (["fold"] if repeats == 1 else [f"fold_{r + 1}" for r in range(repeats)]))
        table.writerows([name, *map(int, row)] for name, row in zip(self.ids, self.assignment, strict=True))
        write_text(path, text.getvalue())

    @classmethod
    def read(cls, path: Path, ids: tuple[str, ...]) -> Folds:
        """Load a CSV of folds for the rows ``ids``, in any order.

        Raises:
            UserError: not such a CSV, or it names other rows.
        """
        try:
            with path.open(newline="", encoding="utf-8-sig") as file:
                header, *rows = list(csv.reader(file))
            found = {row[0]: [int(fold) for fold in row[1:]] for row in rows}
            if header[0] != "id" or len(header) < 2 or any(len(row) != len(header) for row in rows):
                raise ValueError(f"its first line is {','.join(header)!r}")
        except FileNotFoundError:
            raise UserError(f"there is no folds file {path}.", "check the path after --folds") from None
        except (ValueError, IndexError, csv.Error, IsADirectoryError) as error:
            raise UserError(
                f"{path} is not a CSV of folds (id,fold with whole numbers): {error}.",
                "take a folds-*.csv that the harness wrote as the pattern",
            ) from error
        if len(found) != len(rows):
            raise UserError(f"{path} lists {len(rows) - len(found):,} ids twice.", f"edit {path}")
        missing, extra = [i for i in ids if i not in found], sorted(set(found) - set(ids))
        if missing or extra:
            told = [f"{len(missing):,} training ids are missing from it ({some(missing, 3)})"] if missing else []
            told += [f"{len(extra):,} of its ids are no training rows ({some(extra, 3)})"] if extra else []
            raise UserError(f"{path} does not fit this data: {'; '.join(told)}.", "use folds made from the same data")
        assignment = np.array([found[name] for name in ids], dtype=np.int64)
        if (assignment == ALWAYS_TRAIN).all(axis=0).any():
            raise UserError(f"{path} validates no row at all.", "number folds 0, 1, 2, …; -1 means always train")
        if assignment.min() < ALWAYS_TRAIN or any(len(np.unique(c[c >= 0])) != c.max() + 1 for c in assignment.T):
            raise UserError(
                f"{path} numbers its folds with gaps or below -1.", "number folds 0, 1, 2, …; -1 means always train"
            )
        return cls(ids, assignment)


def group_by(keys: list[str]) -> Array:
    """Rows with equal keys get equal group numbers, numbered by first appearance: (n,) int."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def _deal(labels: Array, groups: Array, k: int, seed: int) -> Array:
    """Deal whole groups to ``k`` folds: class by class, in shuffled order, like cards.

    A group counts as its first row's class. Dealing goes on from one class to the next where the
    last one stopped, so folds differ by little in size as well as in classes.
    """
    random = np.random.default_rng(seed)
    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    class_of_group = labels[first]
    fold_of_group = np.empty(len(first), dtype=np.int64)
    next_fold = 0
    for label in np.unique(class_of_group):
        members = random.permutation(np.flatnonzero(class_of_group == label))
        fold_of_group[members] = (next_fold + np.arange(len(members))) % k
        next_fold = (next_fold + len(members)) % k
    return fold_of_group[group]


def _part(labels: Array, groups: Array, part: float, seed: int) -> Array:
    """Choose a stratified part of the rows, whole groups only: (n,) bool.

    Each class gives its share rounded so that the total is exact where groups are single rows.
    """
    n = len(labels)
    wanted = round(part * n) if part < 1 else int(part)
    if not 0 < wanted < n:
        raise UserError(
            f"a part of {part!r} of {n:,} rows leaves nothing on one side.",
            "give a fraction between 0 and 1, or a number of rows below their count",
        )
    random = np.random.default_rng(seed)
    _, first, group, sizes = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    class_of_group = labels[first]
    counts = np.bincount(labels)
    # Largest remainders: whole shares first, then one more row to the classes that lost most by rounding.
    share = counts * (wanted / n)
    quota = np.floor(share).astype(int)
    quota[np.argsort(quota - share, kind="stable")[: wanted - quota.sum()]] += 1
    chosen = np.zeros(len(first), dtype=bool)
    for label in np.unique(class_of_group):
        members = random.permutation(np.flatnonzero(class_of_group == label))
        chosen[members[np.cumsum(sizes[members]) <= quota[label]]] = True
    return chosen[group]
