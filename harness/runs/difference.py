"""Two finished runs side by side: settings, versions, classes, and the gain of one over the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.data.dataset import Dataset
from harness.data.splits import OUT_OF_FOLD, SCORED
from harness.ensembles.gain import Gain
from harness.runs.comparison import between, gain_of, shared
from harness.runs.records import Record
from harness.utils.named import Named

Array = np.ndarray

# Of a run's record, besides its settings and libraries.
ABOUT = ("dataset", "folds", "backend", "members", "inputs")
MACHINE = ("device", "system", "python")

Changes = list[tuple[str, Any, Any]]


@dataclass(frozen=True)
class ClassDifference:
    """The out-of-fold images of a class, and the share of them that each run gives it."""

    name: str
    images: int
    before: float
    after: float


@dataclass(frozen=True)
class Difference:
    """What differs between two runs.

    Args:
        before, after: the runs.
        settings: name, value before, value after.
        made_from: the same of the data, the folds, the caches and the members.
        versions: the same of libraries and machine.
        gains: what ``after`` gains over ``before``, by split; only rows that both have count.
        classes: those whose share found differs, the largest difference first.
    """

    before: Record
    after: Record
    settings: Changes
    made_from: Changes
    versions: Changes
    gains: dict[str, Gain]
    classes: list[ClassDifference]


def difference(before: Record, after: Record, dataset: Dataset) -> Difference:
    """Compare two finished runs of a competition.

    Args:
        before, after: the runs.
        dataset: the competition's images, for the labels.
    """
    gains = {split: gain_of(after, before, dataset, split) for split in SCORED}
    return Difference(
        before,
        after,
        between(before, after),
        _changes({name: before.about.get(name) for name in ABOUT}, {name: after.about.get(name) for name in ABOUT}),
        _changes(_versions(before), _versions(after)),
        Named({split: gain for split, gain in gains.items() if gain is not None}, "split"),
        _classes(before, after, dataset),
    )


def _versions(record: Record) -> dict[str, Any]:
    machine = record.about.get("machine", {})
    return record.about.get("libraries", {}) | {name: machine.get(name) for name in MACHINE}


def _changes(before: dict[str, Any], after: dict[str, Any]) -> Changes:
    names = dict.fromkeys([*before, *after])
    return [(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)]


def _classes(before: Record, after: Record, dataset: Dataset) -> list[ClassDifference]:
    both = shared(before, after, dataset, OUT_OF_FOLD) if dataset.targets.link == "softmax" else None
    if both is None:
        return []
    ids, *probabilities = both
    labels = dataset.labels_of(ids)
    shares = [_shares(labels, one) for one in probabilities]
    counts = np.bincount(labels, minlength=len(dataset.classes))
    found = [
        ClassDifference(name, int(counts[number]), float(shares[0][number]), float(shares[1][number]))
        for number, name in enumerate(dataset.classes)
        if counts[number] and shares[0][number] != shares[1][number]
    ]
    return sorted(found, key=lambda one: -abs(one.after - one.before))


def _shares(labels: Array, probabilities: Array) -> Array:
    """The share of each class's rows that is given it: (classes,); 0 for a class without rows."""
    classes = probabilities.shape[1]
    hits = np.bincount(labels[probabilities.argmax(axis=1) == labels], minlength=classes)
    return hits / np.maximum(np.bincount(labels, minlength=classes), 1)
