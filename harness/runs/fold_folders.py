"""The folders of a run's folds, and the predictions that are kept in them.

Folds are numbered from 0; the names of their folders, like all that people read, from 1.
"""

from __future__ import annotations

from pathlib import Path

from harness.scoring import predictions as tables
from harness.scoring.predictions import Predictions


def folder_of(run: Path, number: int) -> Path:
    """The folder of a fold in the folder of its run."""
    return run / f"fold-{number + 1}"


def predictions_of(run: Path, number: int, key: str) -> dict[str, Predictions] | None:
    """What a fold of a run predicts, by split and variant; None where it is not made, or damaged.

    Args:
        run: the run's folder.
        number: the fold's.
        key: the run's.
    """
    return tables.read(folder_of(run, number) / "predictions.h5", key)
