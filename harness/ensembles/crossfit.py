"""Cross-fitting: what is fitted to some rows is asked about others, so that no row is scored by what saw its label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from harness.data.folds import Folds, KFold
from harness.ensembles.combine import Combiner
from harness.ensembles.members import Members
from harness.errors import UserError

Array = np.ndarray

# An ensemble's fitting: members and their rows' labels (n,) to what combines members.
Fit = Callable[[Members, Array], Combiner]


@dataclass(frozen=True)
class Fitting:
    """An ensemble fitted to its members' out-of-fold predictions.

    Args:
        fit: fits the ensemble.
        members: out-of-fold predictions of n rows.
        labels: (n,) class numbers.
        parts: (n,) the part each row belongs to; at least two of them.
    """

    fit: Fit
    members: Members
    labels: Array
    parts: Array

    @cached_property
    def combiner(self) -> Combiner:
        """Fitted to all rows: for rows that are none of them."""
        return self.fit(self.members, self.labels)

    @cached_property
    def honest(self) -> Array:
        """Each row's probabilities from an ensemble fitted to the rows of all other parts: (n, k)."""
        found = np.empty(self.members.probabilities.shape[1:])
        for part in np.unique(self.parts):
            inside, outside = np.flatnonzero(self.parts == part), np.flatnonzero(self.parts != part)
            combiner = self.fit(self.members.at(outside), self.labels[outside])
            found[inside] = combiner(self.members.at(inside).probabilities)
        return found

    def without(self, name: str) -> Fitting:
        """The same ensemble of all members but one."""
        return Fitting(self.fit, self.members.without(name), self.labels, self.parts)


def parts_of(ids: tuple[str, ...], labels: Array, groups: Array, folds: Folds) -> Array:
    """The parts to cross-fit by: (n,) int. The folds the members were fitted on, where the rows are of several.

    Where the rows are all of one fold, five parts are dealt.

    Args:
        ids: (n,) the rows' ids, all of them in ``folds``.
        labels: (n,) class numbers.
        groups: (n,) rows of one group are copies, which no two parts may share.
        folds: the competition's; the first repeat counts.
    """
    fold_of = dict(zip(folds.ids, folds.assignment[:, 0].tolist(), strict=True))
    parts = np.array([fold_of[name] for name in ids])
    return parts if len(np.unique(parts)) > 1 else five_parts(labels, groups)


def five_parts(labels: Array, groups: Array) -> Array:
    """Five parts to cross-fit rows of one fold by: (n,) int. Copies, rows of one group, stay together."""
    try:
        return KFold().deal(labels, groups)[:, 0]
    except UserError:  # a class with fewer than five images: deal without regard to classes
        return KFold().deal(np.zeros_like(labels), groups)[:, 0]
