"""Cross-fitting: an ensemble is fitted to some rows and predicts the others, so that no row's label is used for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from harness.data.folds import Folds, KFold
from harness.data.splitting import multilabel_folds
from harness.ensembles.combine import Combiner
from harness.ensembles.members import Members
from harness.utils.errors import UserError

Array = np.ndarray

# Fits an ensemble: from members and their rows' labels (n,) to a combiner.
Fit = Callable[[Members, Array], Combiner]


@dataclass(frozen=True)
class Fitting:
    """An ensemble fitted to its members' out-of-fold predictions.

    Args:
        fit: the function that fits the ensemble.
        members: the members' out-of-fold predictions for n rows.
        labels: (n,) class numbers.
        parts: (n,) the part each row belongs to; at least two of them.
    """

    fit: Fit
    members: Members
    labels: Array
    parts: Array

    @cached_property
    def combiner(self) -> Combiner:
        """The combiner fitted to all rows, for predicting other rows."""
        return self.fit(self.members, self.labels)

    @cached_property
    def honest(self) -> Array:
        """The cross-fitted probabilities, each row's from an ensemble fitted to the rows of all other parts: (n, k)."""
        probabilities = np.empty(self.members.probabilities.shape[1:])
        for part in np.unique(self.parts):
            inside, outside = np.flatnonzero(self.parts == part), np.flatnonzero(self.parts != part)
            combiner = self.fit(self.members.at(outside), self.labels[outside])
            probabilities[inside] = combiner(self.members.at(inside).probabilities)
        return probabilities

    def without(self, name: str) -> Fitting:
        """The same ensemble without one member."""
        return Fitting(self.fit, self.members.without(name), self.labels, self.parts)


def parts_of(ids: tuple[str, ...], strata: Array, groups: Array, folds: Folds) -> Array:
    """The parts for cross-fitting: (n,) int. They are the folds that the members were fitted on.

    If all rows are of one fold, they are split into five parts.

    Args:
        ids: (n,) the rows' ids, all of them in ``folds``.
        strata: what to stratify by: (n,) int, or (n, labels) of 0 and 1.
        groups: (n,) rows of one group are copies and stay in the same part.
        folds: the competition's folds; the first repeat is used.
    """
    fold_of = dict(zip(folds.ids, folds.assignment[:, 0].tolist(), strict=True))
    parts = np.array([fold_of[row_id] for row_id in ids])
    return parts if len(np.unique(parts)) > 1 else five_parts(strata, groups)


def five_parts(strata: Array, groups: Array) -> Array:
    """Split the rows of one fold into five parts for cross-fitting: (n,) int. Rows of one group stay together.

    Where a class has fewer than five images, or each group has a label of its own, the parts are not stratified. Of
    fewer than five groups, each is a part.

    Raises:
        UserError: there is one group.
    """
    _, first_rows = np.unique(groups, return_index=True)
    parts = KFold(min(KFold().k, len(first_rows)))
    if parts.k < 2:
        raise UserError(
            "an ensemble is fitted on some groups of out-of-fold rows and scored on others, and these rows are of one.",
            "give its members more folds, or the competition fewer, larger ones",
        )
    if strata.ndim == 1:
        fewest = np.bincount(strata[first_rows], minlength=strata.max() + 1).min()
        return parts.split(strata if fewest >= parts.k else np.zeros_like(strata), groups)[:, 0]
    found = multilabel_folds(strata, groups, parts.k, parts.seed)
    # Where each group has a label of its own, none may leave the others.
    return found if len(np.unique(found)) > 1 else parts.split(np.zeros(len(groups), int), groups)[:, 0]
