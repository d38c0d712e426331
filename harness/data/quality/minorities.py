"""What a data set has too little of: classes of few images, labels that never meet or that few folds hold, …"""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.data.dataset import Dataset
from harness.data.folds import ALWAYS_TRAIN, Folds
from harness.data.splits import TRAIN

Array = np.ndarray

# A class of fewer training images is not in every fold of five.
FEW = 5
# Labels that were independent would be expected together in so many images before their absence means anything.
EXPECTED = 5.0
# A group with more than this share of a class.
MOST = 0.5


def minorities(dataset: Dataset) -> dict[str, Any]:
    """What there is too little of among the training images; of numbers nothing is said.

    Returns:
        JSON-able: "few", classes of fewer than five images with their number; "never_together", pairs of labels with
        the number of images in which chance would have them together, the largest first; "held", classes of which one
        group has over half the images, with its share.
    """
    empty: dict[str, Any] = {"few": {}, "never_together": [], "held": {}}
    if dataset.targets.link == "identity":
        return empty
    rows = dataset.rows(TRAIN)
    masks = dataset.targets.counted(dataset.labels[rows], dataset.classes)
    counts = {name: int(mask.sum()) for name, mask in masks.items()}
    held = {name: _largest_share(dataset.groups[rows][mask]) for name, mask in masks.items() if counts[name] >= FEW}
    return {
        "few": {name: count for name, count in counts.items() if count < FEW},
        "never_together": _never_together(dataset.labels[rows], dataset.classes),
        "held": {name: round(share, 3) for name, share in held.items() if dataset.grouped and share > MOST},
    }


def held_by_few(dataset: Dataset, folds: Folds) -> list[dict[str, Any]]:
    """Labels that fewer than two folds validate, or that a fold trains without: of several labels an image alone.

    Returns:
        A dict each: "name", "images", "folds" (how many validate it), "lost" (whether a fold validates them all, and
        so trains on none); the rarest first. Of several repeats the worst counts.
    """
    labels = dataset.labels_of(folds.ids)
    if labels.ndim < 2:
        return []
    found = []
    for number, name in enumerate(dataset.classes):
        of_label = folds.assignment[labels[:, number] == 1]
        held = [set(column.tolist()) for column in of_label.T]
        worst = min(held, key=lambda ones: len(ones - {ALWAYS_TRAIN}), default=set())
        lost = any(len(ones) == 1 and ALWAYS_TRAIN not in ones for ones in held)
        count = len(worst - {ALWAYS_TRAIN})
        if len(of_label) and (lost or count < min(2, folds.assignment.max() + 1)):
            found.append({"name": name, "images": len(of_label), "folds": count, "lost": lost})
    return sorted(found, key=lambda one: one["images"])


def _largest_share(groups: Array) -> float:
    return float(np.unique(groups, return_counts=True)[1].max() / len(groups))


def _never_together(labels: Array, classes: tuple[str, ...]) -> list[list[Any]]:
    """Pairs of labels that no image has both of, though chance would have it: [name, name, expected images]."""
    if labels.ndim < 2:
        return []
    marks = (labels == 1).astype(np.float32)  # exact up to 16 million images
    counts = marks.sum(axis=0, dtype=np.float64)
    expected = np.triu(np.outer(counts, counts) / max(len(marks), 1), 1)
    expected[marks.T @ marks > 0] = 0
    first, second = np.nonzero(expected >= EXPECTED)
    order = np.argsort(-expected[first, second], kind="stable")
    return [
        [classes[i], classes[j], round(float(expected[i, j]), 1)]
        for i, j in zip(first[order], second[order], strict=True)
    ]
