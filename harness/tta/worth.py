"""The worth of test-time augmentation: the score, the gain over a plain prediction and the cost of views and sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.data.dataset import Dataset
from harness.ensembles.combine import averaged
from harness.ensembles.gain import Gain, paired
from harness.scoring.metrics import METRICS, Metric
from harness.tta.views import CENTRE, VIEWS
from harness.utils.files import read_json, whole, write_json

Array = np.ndarray


@dataclass(frozen=True)
class ViewPredictions:
    """The predictions from each view of a set, for the validation rows of a fold.

    Args:
        name: the name of the set, such as "ten_crop+scales".
        views: the names of the views.
        average: what is averaged, "probabilities" or "logits".
        rows: (n,) row numbers of the data set.
        probabilities: (variants, views, n, k) float32; one variant if the recipe has no others.
    """

    name: str
    views: tuple[str, ...]
    average: str
    rows: Array
    probabilities: Array

    def write(self, folder: Path) -> None:
        """Write ``views.npz`` to the fold's folder."""
        with whole(folder / "views.npz") as temporary:
            np.savez(temporary, **vars(self))

    @classmethod
    def read(cls, file: Path) -> ViewPredictions:
        with np.load(file, allow_pickle=False) as arrays:
            return cls(
                str(arrays["name"]),
                tuple(map(str, arrays["views"])),
                str(arrays["average"]),
                arrays["rows"],
                arrays["probabilities"],
            )


@dataclass(frozen=True)
class Worth:
    """The worth of a set of views, compared with a plain prediction of the same rows.

    Args:
        name: the name of the set.
        views: the names of its views.
        score: the metric's score of the views' average.
        gain: the gain over a plain prediction.
        cost: the cost as a multiple of a plain prediction's.
    """

    name: str
    views: tuple[str, ...]
    score: float
    gain: Gain
    cost: float


def worth_of_views(
    metric: Metric,
    labels: Array,
    views: dict[str, Array],
    sets: dict[str, tuple[str, ...]],
    plain: str,
    costs: dict[str, float],
    average: Callable[[Array, list[float]], Array],
    weights: Mapping[str, float],
    groups: Array | None = None,
) -> list[Worth]:
    """The worth of each view, then of each set of views.

    Args:
        metric: the competition's metric.
        labels: (rows,) class numbers of out-of-fold rows.
        views: each view's probabilities of images (n, k), by name.
        sets: the names of the views to average, by the set's name.
        plain: the view of a prediction without augmentation.
        costs: the cost of each view, in any unit; a set costs the sum of its views.
        average: (views, n, k) and their weights to (rows, k), such as ``averaged`` where each image is a row.
        weights: of views, by name; 1 of those that are not in it.
        groups: (rows,) by which the gains are resampled; None if rows are independent.

    Raises:
        ValueError: the views have different numbers of images.
    """
    counts = {name: len(probabilities) for name, probabilities in views.items()}
    if len(set(counts.values())) > 1:
        raise ValueError(f"each view must predict the same images. Received: {counts}")
    without = average(views[plain][None], [weights.get(plain, 1.0)])
    entries = []
    for name, members in ({view: (view,) for view in views} | sets).items():
        answers = average(np.stack([views[view] for view in members]), [weights.get(view, 1.0) for view in members])
        cost = sum(costs[view] for view in members) / costs[plain]
        gain = paired(metric, labels, answers, without, groups)
        entries.append(Worth(name, members, metric.score(labels, answers), gain, cost))
    return entries


def recommended(entries: list[Worth]) -> Worth | None:
    """The cheapest set that is better than plain beyond noise, and whose gain is inside the best set's interval.

    Of equally cheap sets, the one with the larger gain. None if no set is better than plain.
    """
    better = [entry for entry in entries if entry.gain.verdict == "better"]
    if not better:
        return None
    best = max(better, key=lambda entry: entry.gain.gain)
    good_enough = [entry for entry in better if entry.gain.gain >= best.gain.low]
    return min(good_enough, key=lambda entry: (entry.cost, -entry.gain.gain))


def write(folder: Path, dataset: Dataset, metric: str) -> None:
    """Write ``views.json`` from the folds' predictions by view; nothing if there was only one view.

    As everywhere, predictions of images of one row are joined, and those of several repeats averaged, before they are
    scored.

    Args:
        folder: the run's folder; ``fold-*/views.npz`` are its folds' ``ViewPredictions``.
        dataset: the images.
        metric: the name of the competition's metric.
    """
    folds = [ViewPredictions.read(file) for file in sorted(folder.glob("fold-*/views.npz"))]
    if not folds:
        return
    chosen = chosen_variant(read_json(folder / "run.json", sealed=False) or {})
    first, link = folds[0], dataset.targets.link
    ids, by_row = _joined(dataset, [fold.rows for fold in folds])
    probabilities = np.concatenate([fold.probabilities[chosen] for fold in folds], axis=1)
    known = {name: tuple(view.name for view in views) for name, views in VIEWS.items()} | {first.name: first.views}
    sets = {name: members for name, members in known.items() if len(members) > 1 and set(members) <= set(first.views)}
    entries = worth_of_views(
        METRICS[metric],
        dataset.labels_of(ids),
        dict(zip(first.views, probabilities, strict=True)),
        sets,
        CENTRE.name,
        dict.fromkeys(first.views, 1.0),  # each view is one pass through the network, at one size
        lambda stacked, weights: by_row(averaged(stacked, first.average, link, weights)),
        {view.name: view.weight for views in VIEWS.values() for view in views},
        dataset.groups_of(ids),
    )
    best = recommended([entry for entry in entries if entry.name in sets])  # tta= names sets, not single views
    entries_json = [
        {"name": entry.name, "views": len(entry.views), "score": entry.score, "cost": entry.cost, **entry.gain.about()}
        for entry in entries
    ]
    table = {"metric": metric, "average": first.average, "rows": len(ids), "entries": entries_json}
    write_json(folder / "views.json", table | {"recommended": best.name if best else CENTRE.name})


def chosen_variant(about: dict[str, Any]) -> int:
    """The number of the variant that a run took, from its ``run.json``; 0 where it had no others."""
    chosen = about.get("chosen", {})
    return next((n for n, variant in enumerate(about.get("variants", [])) if chosen.items() <= variant.items()), 0)


def is_written(folder: Path) -> bool:
    """Whether the table of a run exists, or is not needed, since its folds had only one view."""
    return (folder / "views.json").is_file() or not any(folder.glob("fold-*/views.npz"))


def _joined(dataset: Dataset, rows: list[Array]) -> tuple[tuple[str, ...], Callable[[Array], Array]]:
    """The ids of the rows that some folds predict, and what makes their predictions of the folds' images.

    Args:
        dataset: the images.
        rows: each fold's numbers of images.

    Returns:
        The ids, and a function of the folds' predictions, (images, k) one after another, to (ids, k).
    """
    numbers: dict[str, int] = {}
    of_folds = [dataset.join(some, np.zeros((len(some), 1)))[0] for some in rows]
    place = np.array([numbers.setdefault(name, len(numbers)) for ids in of_folds for name in ids])
    cuts = np.cumsum([len(some) for some in rows])[:-1]

    def by_row(predictions: Array) -> Array:
        parts = zip(rows, np.split(predictions, cuts), strict=True)
        joined = np.concatenate([dataset.join(some, part)[1] for some, part in parts])
        sums = np.zeros((len(numbers), joined.shape[1]))
        np.add.at(sums, place, joined)
        return (sums / np.bincount(place)[:, None]).astype(predictions.dtype)

    return tuple(numbers), by_row
