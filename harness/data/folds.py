"""Seeded, stratified splits that keep duplicates together: the hold-out and the folds."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.data import iterative_stratification
from harness.utils.console import say
from harness.utils.errors import UserError, some
from harness.utils.files import table_about, write_table

Array = np.ndarray
ALWAYS_TRAIN = -1


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
            share = _share(self.part, len(strata))
            return iterative_stratification.assign(strata, groups, np.array([share, 1 - share]), self.seed) == 0
        labels = strata
        if grouped:
            count = len(labels) / self.part if self.part >= 1 else 1 / self.part
            return _grouped_folds(labels, groups, max(2, round(count)), self.seed) == 0
        return _stratified_part(labels, groups, self.part, self.seed)


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
            UserError: fewer than two folds, or fewer different images than folds.
        """
        if self.validation is not None:
            is_validation = HoldOut(self.validation, self.seed).cut(strata, groups, grouped)
            return np.where(is_validation, 0, ALWAYS_TRAIN)[:, None]
        if self.k < 2 or self.repeats < 1:
            raise UserError(
                f"KFold needs k >= 2 folds and repeats >= 1. Received: k={self.k}, repeats={self.repeats}",
                "for a single split: folds=KFold(validation=0.2)",
            )
        split = _multilabel_folds if strata.ndim == 2 else _grouped_folds if grouped else _assign_folds
        columns = [split(strata, groups, self.k, self.seed + repeat) for repeat in range(self.repeats)]
        _say_rare(strata, groups, columns[0], self.k)
        return np.stack(columns, axis=1)


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
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        repeats = self.assignment.shape[1]
        writer.writerow(["id"] + (["fold"] if repeats == 1 else [f"fold_{repeat + 1}" for repeat in range(repeats)]))
        writer.writerows(
            [row_id, *map(int, row_folds)] for row_id, row_folds in zip(self.ids, self.assignment, strict=True)
        )
        write_table(path, text.getvalue(), made_from)

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
            UserError: the file is not a CSV of folds, or is for other rows.
        """
        try:
            with path.open(newline="", encoding="utf-8-sig") as file:
                header, *rows = list(csv.reader(file))
            folds_of = {row[0]: [int(fold) for fold in row[1:]] for row in rows}
            if header[0] != "id" or len(header) < 2 or any(len(row) != len(header) for row in rows):
                raise ValueError(f"its first line is {','.join(header)!r}")
        except FileNotFoundError:
            raise UserError(f"there is no folds file {path}.", "check the path after --folds") from None
        except (ValueError, IndexError, OverflowError, csv.Error, IsADirectoryError) as error:
            raise UserError(
                f"{path} is not a CSV of folds (id,fold with whole numbers): {error}.",
                "use a folds-*.csv written by the harness as the template",
            ) from error
        if len(folds_of) != len(rows):
            raise UserError(f"{path} lists {len(rows) - len(folds_of):,} ids twice.", f"edit {path}")
        missing, extra = [row_id for row_id in ids if row_id not in folds_of], sorted(set(folds_of) - set(ids))
        if missing or extra:
            problems = []
            if missing:
                problems.append(f"{len(missing):,} training ids are missing from it ({some(missing, 3)})")
            if extra:
                problems.append(f"{len(extra):,} of its ids are not training rows ({some(extra, 3)})")
            raise UserError(
                f"{path} does not fit this data: {'; '.join(problems)}.", "use folds made from the same data"
            )
        assignment = np.array([folds_of[row_id] for row_id in ids], dtype=np.int64)
        if (assignment == ALWAYS_TRAIN).all(axis=0).any():
            raise UserError(f"{path} validates no row.", "number folds 0, 1, 2, …; -1 means always train")
        if assignment.min() < ALWAYS_TRAIN or any(
            len(np.unique(column[column >= 0])) != column.max() + 1 for column in assignment.T
        ):
            raise UserError(
                f"{path} numbers its folds with gaps or below -1.", "number folds 0, 1, 2, …; -1 means always train"
            )
        return cls(ids, assignment)


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


def _multilabel_folds(marks: Array, groups: Array, k: int, seed: int) -> Array:
    """The fold of each row of several labels: (n,) int."""
    return iterative_stratification.assign(marks, groups, np.full(k, 1 / k), seed)


def _say_rare(strata: Array, groups: Array, folds: Array, k: int) -> None:
    """Say how many rows no fold validates, and which classes are in fewer folds than there are.

    Raises:
        UserError: some fold validates nothing.
    """
    if len(set(folds[folds != ALWAYS_TRAIN].tolist())) < k:
        raise UserError(
            f"{k} folds need {k} different training images of classes that have several, and there are "
            f"{len(np.unique(groups[folds != ALWAYS_TRAIN])):,}.",
            "set fewer folds in the competition's competition.py: folds=KFold(k=2)",
        )
    stay = int((folds == ALWAYS_TRAIN).sum())
    if stay:
        what = "label" if strata.ndim == 2 else "class"
        say(f"{stay:,} rows stay in training: they have a {what} that no other fold would have.")


def _assign_folds(labels: Array, groups: Array, k: int, seed: int) -> Array:
    """The fold of each row: (n,) int. Whole groups are assigned in turn, class by class, in shuffled order.

    A group has the class of its first row; the only group of a class is in no fold. Each class starts with the fold
    after the last one used for the class before it, so that folds differ little in size as well as in class
    proportions.
    """
    random = np.random.default_rng(seed)
    _, first_rows, group_of = np.unique(groups, return_index=True, return_inverse=True)
    class_of_group = labels[first_rows]
    fold_of_group = np.empty(len(first_rows), dtype=np.int64)
    next_fold = 0
    for label in np.unique(class_of_group):
        members = random.permutation(np.flatnonzero(class_of_group == label))
        if len(members) == 1:
            fold_of_group[members] = ALWAYS_TRAIN
            continue
        fold_of_group[members] = (next_fold + np.arange(len(members))) % k
        next_fold = (next_fold + len(members)) % k
    return fold_of_group[group_of]


def _grouped_folds(labels: Array, groups: Array, k: int, seed: int) -> Array:
    """The fold of each row, of groups that may hold several classes: (n,) int; ``ALWAYS_TRAIN`` if in none.

    A class of which all rows fell into one fold could not be learned without it: its groups stay in training.

    Raises:
        UserError: there are fewer groups than folds.
    """
    import warnings

    from sklearn.model_selection import StratifiedGroupKFold

    count = len(np.unique(groups))
    if count < k:
        raise UserError(
            f"{k} parts need {k} groups, and there are {count}.",
            "set fewer folds, or a larger hold-out, in the competition's competition.py",
        )
    folds = np.empty(len(labels), np.int64)
    splitter = StratifiedGroupKFold(k, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")  # these stay in training, see below
        for fold, (_, validation) in enumerate(splitter.split(labels, labels, groups)):
            folds[validation] = fold
    in_one_fold = [label for label in np.unique(labels) if len(set(folds[labels == label])) == 1]
    stays = np.isin(groups, groups[np.isin(labels, in_one_fold)])
    if stays.all() or len(set(folds[~stays])) < k:
        raise UserError(
            f"groups cannot be split into {k} parts: nearly every group has a class that no other part has.",
            "set fewer folds, or a larger hold-out, in the competition's competition.py",
        )
    return np.where(stays, ALWAYS_TRAIN, folds)


def _stratified_part(labels: Array, groups: Array, part: float, seed: int) -> Array:
    """A mask of a stratified part of the rows, in whole groups: (n,) bool.

    The classes' shares are rounded so that the total is exact where every group is a single row.
    """
    n = len(labels)
    total = round(_share(part, n) * n)
    random = np.random.default_rng(seed)
    _, first_rows, group_of, group_sizes = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    class_of_group = labels[first_rows]
    # The only group of a class stays in training.
    several = np.bincount(class_of_group, minlength=labels.max() + 1) > 1
    class_sizes = np.bincount(labels) * several
    if not several.any():
        raise UserError(
            "each class has one image, which must be trained on: none is left to be held out.",
            "give several images of some classes",
        )
    # Largest remainders: round every share down, then add a row to the classes that lost most by rounding.
    shares = class_sizes * (total / class_sizes.sum())
    quotas = np.floor(shares).astype(int)
    quotas[np.argsort(quotas - shares, kind="stable")[: total - quotas.sum()]] += 1
    is_chosen = np.zeros(len(first_rows), dtype=bool)
    for label in np.unique(class_of_group):
        members = random.permutation(np.flatnonzero(class_of_group == label))
        is_chosen[members[np.cumsum(group_sizes[members]) <= quotas[label]]] = True
    return is_chosen[group_of]


def _share(part: float, n: int) -> float:
    """A part of n rows as a fraction.

    Raises:
        UserError: one side of the split would be empty.
    """
    total = round(part * n) if part < 1 else int(part)
    if not 0 < total < n:
        raise UserError(
            f"a part of {part!r} of {n:,} rows leaves one side of the split empty.",
            "give a fraction between 0 and 1, or a number of rows smaller than their total",
        )
    return total / n
