"""The variants of a recipe that one fit predicts for, such as several C: their tables, the choice, its honest score.

The variant with the lowest loss out of fold is taken, so its score on these very rows is a little too good. The honest
predictions of a fold's rows are by the variant that has the lowest loss on all other folds' rows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from harness.data.dataset import Dataset
from harness.data.splits import OUT_OF_FOLD
from harness.runs.fold_folders import predictions_of
from harness.scoring.metrics import METRICS
from harness.scoring.predictions import Predictions

Array = np.ndarray


def table(split: str, variant: int) -> str:
    """The name of a variant's table in a fold's file."""
    return f"{split} {variant}"


def out_of_fold(parts: list[Predictions]) -> Predictions:
    """Join the folds' validation parts; a row validated in several repeats gets their average."""
    sums: dict[str, list[Array]] = {}
    for part in parts:
        for name, row in zip(part.ids, part.probabilities, strict=True):
            sums.setdefault(name, []).append(row)
    return Predictions(
        tuple(sums), parts[0].classes, np.array([np.mean(rows, axis=0) for rows in sums.values()], np.float32)
    )


def lowest(by_fold: list[dict[str, Predictions]], count: int, dataset: Dataset) -> tuple[int, Predictions, list[float]]:
    """The variant with the lowest loss out of fold, its out-of-fold predictions, and the losses of all.

    Args:
        by_fold: each fold's tables.
        count: how many variants there are.
        dataset: gives the labels.
    """
    loss = METRICS[dataset.targets.loss]
    joined = [out_of_fold([part[table(OUT_OF_FOLD, variant)] for part in by_fold]) for variant in range(count)]
    losses = [loss.score(dataset.labels_of(one.ids), one.probabilities) for one in joined]
    best = int(np.argmin(losses))
    return best, joined[best], losses


def chosen_elsewhere(by_fold: list[dict[str, Predictions]], count: int, dataset: Dataset) -> list[int]:
    """For each fold, the variant with the lowest loss on the rows of all other folds; none where there is one fold.

    Rows of the fold itself, which folds of other repeats hold too, do not count.

    Args:
        by_fold: each fold's tables.
        count: how many variants there are.
        dataset: gives the labels.
    """
    chosen = []
    for number in range(len(by_fold) if len(by_fold) > 1 else 0):
        own = {name for variant in range(count) for name in by_fold[number][table(OUT_OF_FOLD, variant)].ids}
        others = [_without(tables_of_fold, own) for other, tables_of_fold in enumerate(by_fold) if other != number]
        chosen.append(lowest(others, count, dataset)[0])
    return chosen


def _without(tables_of_fold: dict[str, Predictions], ids: set[str]) -> dict[str, Predictions]:
    """A fold's out-of-fold tables without the rows of some ids."""
    left = {}
    for name, one in tables_of_fold.items():
        if name.startswith(OUT_OF_FOLD):
            rows = [row for row, row_id in enumerate(one.ids) if row_id not in ids]
            left[name] = Predictions(tuple(one.ids[row] for row in rows), one.classes, one.probabilities[rows])
    return left


def honest(folder: Path, key: str, about: dict[str, Any]) -> Predictions | None:
    """A finished run's out-of-fold predictions, each fold's by the variant chosen elsewhere; None without a choice.

    Args:
        folder, key: the run's.
        about: its ``run.json``.
    """
    parts = []
    for number, variant in enumerate(about.get("chosen_elsewhere", [])):
        kept = predictions_of(folder, number, key)
        if kept is None:
            return None
        parts.append(kept[table(OUT_OF_FOLD, variant)])
    return out_of_fold(parts) if parts else None
