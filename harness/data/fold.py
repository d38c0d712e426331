"""One fold as a recipe sees it: the rows to train on, the rows to predict, and their data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.data.cache.cache import Cache, Input
from harness.data.columns import Columns
from harness.data.targets import MULTICLASS, Targets

Array = np.ndarray


@dataclass(frozen=True)
class Fold:
    """The input for fitting one fold.

    Args:
        title: "fold 2 of 5", for progress bars.
        train, validation, holdout, test: row numbers, the same in the data set and in every cache.
        labels: of all rows, of the form that ``targets`` has; only those of ``train`` and ``validation`` may be used.
        classes: the names of the predictions' columns.
        caches: the opened caches of the recipe's inputs.
        hflip_safe: whether a mirrored image still shows the same class.
        seed: a different one for each fold.
        folder: where this fold's history and plots are saved.
        targets: the kind of the labels.
        left: how many folds come after this one.
        watch: called after each epoch of training with the scores of all epochs so far; what it raises ends training.
        columns: what else is known of each row, if anything.
    """

    title: str
    train: Array
    validation: Array
    holdout: Array
    test: Array
    labels: Array
    classes: tuple[str, ...]
    caches: dict[Input, Cache]
    hflip_safe: bool
    seed: int
    folder: Path
    targets: Targets = MULTICLASS
    left: int = 0
    watch: Callable[[dict[str, list[float]]], None] | None = None
    columns: Columns | None = None

    def predicted(self) -> Array:
        """The rows to predict: validation, hold-out, test, in this order."""
        return np.concatenate([self.validation, self.holdout, self.test])
