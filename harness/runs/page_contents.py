"""What the page of a run shows, gathered from its folder and from the images that it was made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from harness.data.dataset import Dataset
from harness.data.splits import OUT_OF_FOLD, SCORED
from harness.data.targets import Targets
from harness.models.adversarial import Likeness
from harness.runs import page_likeness, page_making
from harness.runs.epochs import kept_epochs
from harness.runs.page_pictures import predicted
from harness.runs.predict import member_of
from harness.runs.records import Record
from harness.runs.searches import search_of
from harness.scoring import mistakes
from harness.scoring.examination import (
    Bin,
    Threshold,
    calibration_error,
    examine,
    of_given_class,
    reliability,
    thresholds,
)  # fmt: skip
from harness.scoring.predictions import Predictions
from harness.utils.errors import UserError
from harness.utils.files import read_json

Array = np.ndarray

PICTURES = 12  # of a kind
REASONS = {True: "no improvement for so many epochs as patience allows", False: "all epochs were done"}


def contents(
    record: Record,
    dataset: Dataset,
    caches: Path,
    likeness: Likeness | None = None,
    check: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """All that ``harness.report.page`` needs of a run.

    Args:
        record: the finished run.
        dataset: the competition's images and labels, with all the ids of the run.
        caches: the folder of the competition's caches.
        likeness: how like the test is to the labelled images; None where that is not known.
        check: the findings of ``harness check``; None before it.

    Raises:
        UserError: the predictions are missing, or were made of other images than there are now.
    """
    splits = _predictions(record)
    out_of_fold = splits[OUT_OF_FOLD]
    if out_of_fold.classes != dataset.classes or not set(out_of_fold.ids) <= set(dataset.ids):
        raise UserError(
            f"the run {record.name} was made of other images or classes than there are now.",
            "restore them, or train the recipe again",
        )
    if OUT_OF_FOLD not in record.scores:
        raise UserError(
            f"the run {record.name} was scored by another metric, on other data than there is now.",
            "train the recipe again",
        )
    labels, blend = dataset.labels_of(out_of_fold.ids), read_json(record.folder / "blend.json")
    member = _decided(record, blend)
    undecided = _predictions(member)[OUT_OF_FOLD].of(out_of_fold.ids) if member else out_of_fold.probabilities
    bins, lines = _believed(labels, undecided, dataset.targets)
    wrong = mistakes.find(labels, out_of_fold.probabilities, out_of_fold.classes, dataset.targets)
    found = None if wrong else examine(labels, out_of_fold.probabilities, undecided)
    shown = {"worst": wrong.worst} if wrong else {}
    if found:
        shown = {"worst": found.worst, "doubtful": found.doubtful, "labels": found.label_errors}
    pictures = {
        name: [predicted(dataset, out_of_fold, undecided, labels, int(row)) for row in rows[:PICTURES]]
        for name, rows in shown.items()
    }
    return {
        "found": found,
        "mistakes": wrong,
        "pictures": pictures,
        "classes": out_of_fold.classes,
        "rows": len(labels),
        "folds": _folds(record),
        "epochs": kept_epochs(record.folder, record.about),
        "blend": blend,
        "decided": member.recipe if member else None,
        "views": read_json(record.folder / "views.json"),
        "likeness": page_likeness.contents(likeness, splits, dataset, record.scores[OUT_OF_FOLD]["metric"]),
        "steps": page_making.steps(record, caches),
        "augmented": page_making.augmented(record),
        "copies": page_making.copies(dataset, check),
        "bins": bins,
        "calibration_error": calibration_error(bins) if bins else None,
        "thresholds": lines,
        "search": search_of(record),
        "scores": [(split, record.scores[split]) for split in SCORED if split in record.scores],
    }


def _predictions(record: Record) -> dict[str, Predictions]:
    splits = record.predictions()
    if splits is None:
        raise UserError(
            f"{record.folder / 'predictions.h5'} is missing or damaged.",
            f"harness train {record.competition} {record.recipe}",
        )
    return splits


def _decided(record: Record, blend: dict[str, Any] | None) -> Record | None:
    """The member whose probabilities thresholds decide by; None of a run without thresholds.

    Raises:
        UserError: the member's run is not there any more.
    """
    if "thresholds" not in ((blend or {}).get("fitted") or {}):
        return None
    ((name, key),) = record.about["members"].items()
    return member_of(record, name, key)


def _believed(labels: Array, probabilities: Array, targets: Targets) -> tuple[list[Bin], list[Threshold]]:
    """The reliability of the probabilities, and what thresholds make of them; of several labels all cells count alike.

    Empty where there is no such thing: numbers have neither, and three or more classes no threshold.
    """
    if targets.link == "identity":
        return [], []
    if targets.link == "sigmoid":
        is_there, values = labels.ravel() == 1, probabilities.ravel()
        return reliability(is_there, values), thresholds(is_there, values)
    of_two = probabilities.shape[1] == 2
    return of_given_class(labels, probabilities), thresholds(labels == 1, probabilities[:, 1]) if of_two else []


def _folds(record: Record) -> list[dict[str, Any]]:
    """The learning curves of each fold of a network, the epoch that was kept, and why training ended."""
    folds = []
    for number, folder in enumerate(record.fold_folders, 1):
        history, training = read_json(folder / "history.json"), read_json(folder / "training.json")
        if history is None or training is None:
            continue
        early = training["epochs"] < record.settings.get("epochs", training["epochs"])
        folds.append(
            {
                "number": number,
                "history": history,
                "kept": training["weights_of_epoch"],
                "epochs": training["epochs"],
                "ended": training.get("ended", REASONS[early]),
                "kept_by": training.get("kept_by", ""),
                "seconds": training["seconds"],
                "diagnosis": training.get("diagnosis", []),
            }
        )
    return folds
