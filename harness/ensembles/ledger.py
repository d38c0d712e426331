"""The ledger of test-time augmentation: what each view and each set of views scores, gains over plain, and costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.ensembles.gain import Gain, paired
from harness.files import whole
from harness.metrics import Metric

Array = np.ndarray


@dataclass(frozen=True)
class Kept:
    """What each view of a set gives for the validation rows of a fold: what the ledger is made of.

    Args:
        name: the set's, such as "ten_crop+scales".
        views: the views' names.
        average: of "probabilities" or of "logits".
        rows: (n,) row numbers of the data set.
        probabilities: (variants, views, n, k) float32; one variant where the recipe has no more.
    """

    name: str
    views: tuple[str, ...]
    average: str
    rows: Array
    probabilities: Array

    def write(self, folder: Path) -> None:
        """Into ``views.npz`` of the fold's folder."""
        with whole(folder / "views.npz") as temporary:
            np.savez(temporary, **vars(self))

    @classmethod
    def read(cls, file: Path) -> Kept:
        with np.load(file, allow_pickle=False) as kept:
            return cls(
                str(kept["name"]),
                tuple(map(str, kept["views"])),
                str(kept["average"]),
                kept["rows"],
                kept["probabilities"],
            )


@dataclass(frozen=True)
class Entry:
    """A set of views, on the same rows as plain.

    Args:
        name: the set's.
        views: the views' names.
        score: the metric's, of the views' average.
        gain: over plain.
        cost: times the cost of plain.
    """

    name: str
    views: tuple[str, ...]
    score: float
    gain: Gain
    cost: float


def ledger(
    metric: Metric,
    labels: Array,
    views: dict[str, Array],
    sets: dict[str, tuple[str, ...]],
    plain: str,
    costs: dict[str, float],
    average: Callable[[Array], Array],
) -> list[Entry]:
    """An entry for each view, then for each set of views.

    Args:
        metric: the competition's.
        labels: (n,) class numbers of out-of-fold rows.
        views: each view's probabilities of these rows (n, k), by name.
        sets: views to be averaged, by the set's name.
        plain: the view that is asked without augmentation.
        costs: of each view, in whatever unit; a set costs the sum.
        average: (views, n, k) to (n, k), such as ``Average(weights, "geometric")``.

    Raises:
        ValueError: views are for different numbers of rows.
    """
    sizes = {name: len(found) for name, found in views.items()}
    if set(sizes.values()) != {len(labels)}:
        raise ValueError(f"each view must predict the same {len(labels):,} rows. Received: {sizes}")
    entries = []
    for name, members in ({view: (view,) for view in views} | sets).items():
        found = average(np.stack([views[view] for view in members]))
        cost = sum(costs[view] for view in members) / costs[plain]
        gain = paired(metric, labels, found, views[plain])
        entries.append(Entry(name, members, metric.score(labels, found), gain, cost))
    return entries


def recommended(entries: list[Entry]) -> Entry | None:
    """The cheapest set that is useful: better than plain beyond noise, and not worse than the best beyond its interval.

    Of equally cheap ones, that of the larger gain. None where plain does as well as any.
    """
    better = [entry for entry in entries if entry.gain.verdict == "better"]
    if not better:
        return None
    best = max(better, key=lambda entry: entry.gain.gain)
    enough = [entry for entry in better if entry.gain.gain >= best.gain.low]
    return min(enough, key=lambda entry: (entry.cost, -entry.gain.gain))
