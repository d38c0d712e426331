"""What the choice of the best epoch flatters: the validation curves at the epoch that the other folds' curves choose.

A fold keeps the weights of the epoch that did best on its own validation rows, and its out-of-fold score is of these
rows. Nothing is trained or predicted again to see what that is worth: the curves have each epoch's score already.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from harness.data.splits import OUT_OF_FOLD
from harness.runs.fold_folders import folder_of, predictions_of
from harness.training.checkpoint import WATCHED
from harness.utils.files import read_json

TITLES = {"val_log_loss": "log loss", "val_squared_error": "squared error", "val_accuracy": "accuracy"}


class KeptEpochs(NamedTuple):
    """The epochs that a run's folds kept.

    Args:
        quantity: the watched score, for people.
        epochs: of each fold, counted from 1.
        kept: the mean over folds of the score at the kept epoch, which was chosen on the same rows.
        elsewhere: the same at the epoch with the best mean of the other folds' curves.
    """

    quantity: str
    epochs: tuple[int, ...]
    kept: float
    elsewhere: float

    def __str__(self) -> str:
        epochs = ", ".join(map(str, self.epochs))
        return (
            f"each fold kept the epoch that was best on the rows whose score is shown (epochs {epochs}): "
            f"{self.quantity} {self.kept:.4f} on the curves; at the epochs that are best on other folds' "
            f"rows: {self.elsewhere:.4f}"
        )


def kept_epochs(folder: Path, about: dict[str, Any]) -> KeptEpochs | None:
    """The epochs of a finished run; None where none were chosen, there is one fold, or curves are missing.

    Args:
        folder: the run's.
        about: its ``run.json``.
    """
    monitor, folds = about.get("settings", {}).get("monitor", "last"), about.get("seconds_by_fold", [])
    histories = [read_json(folder_of(folder, number) / "history.json") for number in range(len(folds))]
    watched = next((name for name in WATCHED.get(monitor, ()) if histories and name in (histories[0] or {})), None)
    if len(histories) < 2 or watched is None or not all(history and watched in history for history in histories):
        return None
    if _share_rows(folder, len(folds)):
        return None  # in repeats, other folds' curves are of this fold's rows too
    # Epochs of the run that this one goes on from are never kept.
    since = (about.get("parent") or {}).get("epoch", 0)
    sign = -1.0 if watched == "val_accuracy" else 1.0
    curves = [sign * np.array(history[watched][since:], float) for history in histories if history]
    count = min(map(len, curves))
    if not count or any(np.isnan(curve).all() for curve in curves):
        return None
    # A fold that stopped early has no later epochs; an epoch without a number is never the best one.
    even = np.array([np.nan_to_num(curve[:count], nan=np.inf) for curve in curves])
    others = [np.delete(even, number, axis=0).mean(axis=0).argmin() for number in range(len(even))]
    return KeptEpochs(
        TITLES[watched],
        tuple(since + 1 + int(np.nanargmin(curve)) for curve in curves),
        float(np.mean([sign * np.nanmin(curve) for curve in curves])),
        float(np.mean([sign * even[number, epoch] for number, epoch in enumerate(others)])),
    )


def _share_rows(folder: Path, count: int) -> bool:
    """Whether some folds of a run validate the same rows."""
    seen: set[str] = set()
    for number in range(count):
        of_fold = predictions_of(folder, number, folder.name) or {}
        ids = next((one.ids for name, one in of_fold.items() if name.startswith(OUT_OF_FOLD)), ())
        if not seen.isdisjoint(ids):
            return True
        seen.update(ids)
    return False
