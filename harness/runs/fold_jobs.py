"""What each fold of a run gets: which rows to train on, which to predict, its seed and its folder."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from harness.data.cache.cache import Cache, Input
from harness.data.dataset import Dataset
from harness.data.fold import Fold
from harness.data.folds import Folds
from harness.data.targets import MULTICLASS, Targets
from harness.recipes.recipe import FoldRecipe
from harness.runs.fold_folders import folder_of
from harness.runs.run import Run
from harness.utils.errors import UserError, some

Array = np.ndarray


def fold_jobs(
    run: Run, recipe: FoldRecipe, dataset: Dataset, folds: Folds, caches: dict[Input, Cache], hflip_safe: bool
) -> Iterator[Fold]:
    """The folds that a recipe is fitted on, one after the other.

    Args:
        run: the run.
        recipe: what is fitted fold by fold; its ``folds`` and ``seed`` count.
        dataset, folds: whose rows, and how they are split; images that cannot be read are not trained on.
        caches: the opened caches of the recipe's inputs.
        hflip_safe: whether a mirrored image still shows the same class.

    Raises:
        UserError: a fold has no training image of some class.
    """
    rows = dataset.rows_of(folds.ids)
    readable = np.all([np.ones(len(dataset), bool), *(cache.readable for cache in caches.values())], axis=0)
    count = count_of(recipe, folds)
    for number, (train, validation) in zip(range(count), folds, strict=False):
        train = rows[train]
        missing = dataset.targets.missing(dataset.labels[train[readable[train]]], dataset.classes)
        if missing:
            raise UserError(
                f"fold {number + 1} leaves no readable training images of these classes: {some(missing)}.",
                "use other folds, or add images",
            )
        yield Fold(
            title=title_of(run.name, number, count),
            train=sampled(
                train[readable[train]], dataset.labels, recipe.max_samples, recipe.seed + number, dataset.targets
            ),
            validation=rows[validation],
            holdout=dataset.rows("holdout"),
            test=dataset.rows("test"),
            labels=dataset.labels,
            classes=dataset.classes,
            caches=caches,
            hflip_safe=hflip_safe,
            seed=recipe.seed + number,
            folder=folder_of(run.folder, number),
            targets=dataset.targets,
            left=count - number - 1,
            columns=dataset.columns,
        )


def count_of(recipe: FoldRecipe, folds: Folds) -> int:
    """How many folds a recipe is fitted on."""
    return len(folds) if recipe.folds is None else min(recipe.folds, len(folds))


def title_of(name: str, number: int, count: int) -> str:
    """A fold's title, for progress; folds are numbered from 0."""
    return f"{name}, fold {number + 1} of {count}"


def sampled(rows: Array, labels: Array, max_samples: int | None, seed: int, targets: Targets = MULTICLASS) -> Array:
    """All rows, or a seeded sample of at most ``max_samples`` of them in which no class is missing.

    Args:
        rows: (n,) row numbers.
        labels: by row number.
        max_samples: None takes all.
        seed: the same seed takes the same rows.
        targets: the kind of the labels.
    """
    if max_samples is None or max_samples >= len(rows):
        return rows
    shuffled = np.random.default_rng(seed).permutation(rows)
    one_of_each = targets.one_of_each(labels[shuffled])
    first = np.zeros(len(shuffled), dtype=bool)
    first[one_of_each] = True
    return np.sort(np.concatenate([shuffled[first], shuffled[~first]])[: max(max_samples, len(one_of_each))])
