"""Where each row goes, in whole groups: into folds in turn, into folds of mixed groups, into a part of some size."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from harness.data import iterative_stratification
from harness.utils.errors import UserError

Array = np.ndarray
ALWAYS_TRAIN = -1


class SplitError(UserError):
    """Rows that cannot be split as asked; who knows where that is declared says it."""


def multilabel_folds(marks: Array, groups: Array, k: int, seed: int) -> Array:
    """The fold of each row of several labels: (n,) int."""
    return iterative_stratification.assign(marks, groups, np.full(k, 1 / k), seed)


def multilabel_part(marks: Array, groups: Array, part: float, seed: int) -> Array:
    """A mask of a part of the rows of several labels: (n,) bool."""
    held = share(part, len(marks))
    return iterative_stratification.assign(marks, groups, np.array([held, 1 - held]), seed) == 0


def assign_folds(labels: Array, groups: Array, k: int, seed: int) -> Array:
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


def grouped_folds(labels: Array, groups: Array, k: int, seed: int) -> Array:
    """The fold of each row, of groups that may hold several classes: (n,) int; ``ALWAYS_TRAIN`` if in none.

    A class of which all rows fell into one fold could not be learned without it: its groups stay in training.

    Raises:
        SplitError: there are fewer groups than folds.
    """
    return _learnable(labels, groups, _folds_of_groups(labels, groups, k, seed))


def grouped_part(labels: Array, groups: Array, part: float, seed: int) -> Array:
    """A mask of a part of the rows, in whole groups that may hold several classes: (n,) bool.

    Its size is that of one of several folds, or of some of up to ten where one is more than a tenth off; a class of
    which all rows fell into it, or outside of it, is left to training, as are those of its groups.

    Raises:
        SplitError: one side of the split would be empty, or there are too few groups.
    """
    taken, k = parts_of(share(part, len(labels)))
    folds = _folds_of_groups(labels, groups, k, seed)
    return _learnable(labels, groups, (folds >= taken).astype(np.int64)) == 0


def parts_of(held: float) -> tuple[int, int]:
    """How many of how many folds are as large as a share of the rows: one, if that is within a tenth."""
    k = max(2, round(1 / held))
    if abs(1 / k - held) <= 0.1 * held:
        return 1, k
    nearest = min(Fraction(held).limit_denominator(10), Fraction(9, 10))
    return nearest.numerator, nearest.denominator


def _folds_of_groups(labels: Array, groups: Array, k: int, seed: int) -> Array:
    """The fold of each row by scikit-learn's ``StratifiedGroupKFold``: (n,) int."""
    import warnings

    from sklearn.model_selection import StratifiedGroupKFold

    count = len(np.unique(groups))
    if count < k:
        raise SplitError(
            f"{k} parts need {k} groups, and there are {count}.",
            "set fewer folds, or a larger hold-out, in the competition's competition.py",
        )
    # Classes that all have fewer rows than there are parts cannot be in each, and scikit-learn refuses them.
    _, rows = np.unique(labels, return_counts=True)
    strata = labels if rows.max() >= k else np.zeros_like(labels)
    folds = np.empty(len(labels), np.int64)
    splitter = StratifiedGroupKFold(k, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")  # these stay in training
        for fold, (_, validation) in enumerate(splitter.split(strata, strata, groups)):
            folds[validation] = fold
    return folds


def _learnable(labels: Array, groups: Array, folds: Array) -> Array:
    """The folds, but ``ALWAYS_TRAIN`` for groups with a class that one fold alone has: (n,) int."""
    k = folds.max() + 1
    in_one_fold = [label for label in np.unique(labels) if len(set(folds[labels == label])) == 1]
    stays = np.isin(groups, groups[np.isin(labels, in_one_fold)])
    if stays.all() or len(set(folds[~stays])) < k:
        raise SplitError(
            f"groups cannot be split into {k} parts: nearly every group has a class that no other part has.",
            "set fewer folds, or a larger hold-out, in the competition's competition.py",
        )
    return np.where(stays, ALWAYS_TRAIN, folds)


def stratified_part(labels: Array, groups: Array, part: float, seed: int) -> Array:
    """A mask of a stratified part of the rows, in whole groups: (n,) bool.

    The classes' shares are rounded so that the total is exact where every group is a single row. Each class's groups
    are taken in shuffled order up to the first that does not fit. Where that is before half of the class's share, a
    group is so big that it would starve the class: groups that do not fit are then passed over.
    """
    n = len(labels)
    total = round(share(part, n) * n)
    random = np.random.default_rng(seed)
    _, first_rows, group_of, group_sizes = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    class_of_group = labels[first_rows]
    quotas = _quotas(labels, class_of_group, total)
    is_chosen = np.zeros(len(first_rows), dtype=bool)
    for label in np.unique(class_of_group):
        members = random.permutation(np.flatnonzero(class_of_group == label))
        fits = np.cumsum(group_sizes[members]) <= quotas[label]
        if 2 * group_sizes[members[fits]].sum() < quotas[label]:
            fits = _fitting(group_sizes[members], quotas[label])
        is_chosen[members[fits]] = True
    return is_chosen[group_of]


def has_big_groups(labels: Array, groups: Array, part: float) -> bool:
    """Whether some group is larger than half of its class's share of a part; arguments as for ``stratified_part``."""
    _, first_rows, group_sizes = np.unique(groups, return_index=True, return_counts=True)
    if group_sizes.max(initial=0) < 2:
        return False
    class_of_group = labels[first_rows]
    quotas = _quotas(labels, class_of_group, round(share(part, len(labels)) * len(labels)))
    return bool(((group_sizes > 1) & (2 * group_sizes > quotas[class_of_group])).any())


def _quotas(labels: Array, class_of_group: Array, total: int) -> Array:
    """How many of ``total`` rows are to be of each class: (classes,) int.

    Raises:
        SplitError: no class has several groups.
    """
    # The only group of a class stays in training.
    several = np.bincount(class_of_group, minlength=labels.max() + 1) > 1
    class_sizes = np.bincount(labels) * several
    if not several.any():
        raise SplitError(
            "each class has one image, which must be trained on: none is left to be held out.",
            "give several images of some classes",
        )
    # Largest remainders: round every share down, then add a row to the classes that lost most by rounding.
    shares = class_sizes * (total / class_sizes.sum())
    quotas = np.floor(shares).astype(int)
    quotas[np.argsort(quotas - shares, kind="stable")[: total - quotas.sum()]] += 1
    return quotas


def _fitting(sizes: Array, room: int) -> Array:
    """A mask of the groups that fit, each taken if there is still room for it: (groups,) bool."""
    taken = np.zeros(len(sizes), bool)
    for number, size in enumerate(sizes):
        taken[number] = size <= room
        room -= int(size) * int(taken[number])
    return taken


def share(part: float, n: int) -> float:
    """A part of n rows as a fraction.

    Raises:
        SplitError: one side of the split would be empty.
    """
    if part > 1 and part != int(part):
        raise SplitError(
            f"a part of {part} rows is no whole number.",
            "give HoldOut, or KFold's validation=, a share below 1 or a number of rows, in competition.py",
        )
    total = round(part * n) if part < 1 else int(part)
    if not 0 < total < n:
        raise SplitError(
            f"a part of {part!r} of {n:,} rows leaves one side of the split empty.",
            "give a fraction between 0 and 1, or a number of rows smaller than their total",
        )
    return total / n
