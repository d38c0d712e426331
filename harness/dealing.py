"""What each fold of a run gets: which rows to train on, which to predict, its seed and its folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from harness.data.cache import Cache, Input
from harness.data.dataset import Dataset
from harness.data.folds import Folds
from harness.errors import UserError, some
from harness.recipes.recipe import Fold, FoldRecipe


def dealt(
    folder: Path,
    name: str,
    recipe: FoldRecipe,
    dataset: Dataset,
    folds: Folds,
    caches: dict[Input, Cache],
    mirror: bool,
) -> Iterator[Fold]:
    """The folds that a recipe is fitted on, one after the other.

    Args:
        folder: the run's.
        name: the recipe's, for progress.
        recipe: its ``folds`` and ``seed`` count.
        dataset, folds: whose rows, and how they are dealt; images that cannot be read are not trained on.
        caches: the opened caches of the recipe's inputs.
        mirror: whether a mirrored image still shows the same class.

    Raises:
        UserError: a fold has no training image of some class.
    """
    rows = {id: row for row, id in enumerate(dataset.ids)}
    row_of = np.array([rows[id] for id in folds.ids])
    readable = np.all([np.ones(len(dataset), bool), *(cache.readable for cache in caches.values())], axis=0)
    wanted = len(folds) if recipe.folds is None else min(recipe.folds, len(folds))
    for number, (train, validation) in zip(range(wanted), folds, strict=False):
        train = row_of[train]
        gone = set(range(len(dataset.classes))) - set(dataset.labels[train[readable[train]]].tolist())
        if gone:
            raise UserError(
                f"fold {number + 1} leaves no readable training images of these classes: "
                f"{some([dataset.classes[label] for label in sorted(gone)])}.",
                "use other folds, or add images",
            )
        yield Fold(
            title=f"{name}, fold {number + 1} of {wanted}",
            train=train[readable[train]],
            validation=row_of[validation],
            holdout=dataset.rows("holdout"),
            test=dataset.rows("test"),
            labels=dataset.labels,
            classes=dataset.classes,
            caches=caches,
            mirror=mirror,
            seed=recipe.seed + number,
            folder=folder / f"fold-{number + 1}",
        )
