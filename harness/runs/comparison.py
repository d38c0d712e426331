"""Finished runs side by side: their scores, what they gain over the best, and the settings in which they differ."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from harness.data.dataset import Dataset
from harness.data.splits import HOLDOUT, OUT_OF_FOLD, SCORED
from harness.ensembles.gain import Gain, paired
from harness.recipes.recipe import Recipe
from harness.recipes.seeds import lookup
from harness.recipes.settings import may_be, plain
from harness.runs.page_making import in_all, steps
from harness.runs.records import Record
from harness.scoring.metrics import METRICS
from harness.utils.console import progress

BEST = "best"


def compared(
    records: list[Record],
    recipes: Mapping[str, Recipe],
    higher: bool,
    gains: Mapping[str, Gain | None],
    state: Callable[[Record], str],
    caches: Path,
) -> list[dict[str, Any]]:
    """A row a run, the latest last.

    Args:
        records: the finished runs.
        recipes: those that the competition declares, by name.
        higher: whether higher scores are better.
        gains: from ``gains_over_best``; empty where they were not measured.
        state: whether a run is up to date.
        caches: the folder of the competition's caches, which know how long they took.

    Returns:
        "recipe", "run" (its key), "changed" (settings unlike the recipe's), "out_of_fold" and "holdout" (scores, or
        None), the same with "_low" and "_high" (the ends of their intervals), "gain" with its ends and "verdict" (over
        the best run; None and "best" for that one), "epochs" (of each fold's network, "5 × 12" where
        all have 12; "" without one), "seconds", "seconds_in_all" (with the caches and members that it is made of),
        "is_all" (whether the times of all of these are known),
        "pareto" (whether no other run is as good in less time), "finished", "state", "images" (how many the hold-out
        score, else the out-of-fold one, is of).
    """
    by_time = sorted(records, key=lambda record: record.sequence)
    rows = [_row(record, recipes) for record in by_time]
    for row, record in zip(rows, by_time, strict=True):
        gain = gains.get(record.key)
        row |= {"gain": gain and gain.gain, "gain_low": gain and gain.low, "gain_high": gain and gain.high}
        row["verdict"] = gain.verdict if gain else BEST * (record.key in gains)
        row["state"] = state(record)
        took, row["is_all"] = in_all(steps(record, caches))
        row["seconds_in_all"] = took.seconds
    mark_pareto(rows, higher)
    return rows


def mark_pareto(rows: list[dict[str, Any]], higher: bool) -> None:
    """Mark the runs that none beats both in out-of-fold score and in time, the Pareto front.

    Args:
        rows: with "out_of_fold" and "seconds_in_all"; "pareto" is added.
        higher: whether higher scores are better.
    """
    sign, leading = 1 if higher else -1, -math.inf
    scored = [row for row in rows if row[OUT_OF_FOLD] is not None and row.get("is_all", True)]
    for row in rows:
        row["pareto"] = False
    for row in sorted(scored, key=lambda row: (row["seconds_in_all"], -sign * row[OUT_OF_FOLD])):
        if sign * row[OUT_OF_FOLD] > leading:
            leading, row["pareto"] = sign * row[OUT_OF_FOLD], True


def gains_over_best(records: list[Record], dataset: Dataset) -> dict[str, Gain | None]:
    """The paired gain of each run over the best one, by key, on the out-of-fold rows that both have; None for that one.

    The best run is the one with the best out-of-fold score among those of classes and images that there are, of equal
    ones the first. A run whose predictions are missing, or which shares no rows with it, has none.
    """
    leader = next((one for one in _best_first(records) if shared(one, one, dataset, OUT_OF_FOLD)), None)
    if leader is None:
        return {}
    found: dict[str, Gain | None] = {leader.key: None}
    with progress("comparing the runs", len(records) - 1, "run") as bar:
        for record in records:
            if record.key != leader.key:
                gain = gain_of(record, leader, dataset, OUT_OF_FOLD)
                found |= {record.key: gain} if gain else {}
                bar.update(1)
    return found


def _best_first(records: list[Record]) -> list[Record]:
    """The runs with an out-of-fold score, all by one metric; of equal ones the first comes first."""
    scored = [record for record in records if OUT_OF_FOLD in record.scores]
    if not scored:
        return []
    sign = 1 if METRICS[scored[0].scores[OUT_OF_FOLD]["metric"]].higher_is_better else -1
    return sorted(scored, key=lambda record: (-sign * record.scores[OUT_OF_FOLD]["score"], record.sequence))


def gain_of(ours: Record, theirs: Record, dataset: Dataset, split: str) -> Gain | None:
    """The paired gain of one run over another on the rows of a split that both have; None without such rows."""
    both = shared(ours, theirs, dataset, split)
    if both is None or split not in ours.scores:
        return None
    metric, (ids, first, second) = METRICS[ours.scores[split]["metric"]], both
    return paired(metric, dataset.labels_of(ids), first, second, dataset.groups_of(ids))


def shared(
    ours: Record, theirs: Record, dataset: Dataset, split: str
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray] | None:
    """The ids of a split that two runs and the data have, and each one's (n, k) predictions; None without such rows."""
    read = [record.predictions() or {} for record in (ours, theirs)]
    if any(split not in splits for splits in read):
        return None
    first, second = (splits[split] for splits in read)
    both = set(first.ids) & set(second.ids) & set(dataset.ids)
    ids = tuple(name for name in first.ids if name in both)
    if not ids or not first.classes == second.classes == dataset.classes:
        return None
    return ids, first.of(ids), second.of(ids)


def of_metric(records: list[Record], metric: str) -> list[Record]:
    """The same runs without their scores by another metric, of which there may be some of images that are gone."""
    return [
        replace(one, scores={split: scores for split, scores in one.scores.items() if scores.get("metric") == metric})
        for one in records
    ]


@dataclass(frozen=True)
class Change:
    """A run beside the one before it of the same recipe.

    Args:
        before, after: their keys.
        settings: those that differ: name, value before, value after.
        gain: of the later run, out of fold; None where they share no rows.
    """

    before: str
    after: str
    settings: list[tuple[str, Any, Any]]
    gain: Gain | None


def changes(records: list[Record], dataset: Dataset) -> list[Change]:
    """What changed from each run to the next of the same recipe, the latest first."""
    found: list[Change] = []
    latest: dict[str, Record] = {}
    for record in sorted(records, key=lambda record: record.sequence):
        before = latest.get(record.recipe)
        latest[record.recipe] = record
        if before is not None:
            gain = gain_of(record, before, dataset, OUT_OF_FOLD)
            found.append(Change(before.key, record.key, between(before, record), gain))
    return found[::-1]


def changed(record: Record, recipes: Mapping[str, Recipe]) -> str:
    """The settings of a run that are not its recipe's; "" also where there is no such recipe any more."""
    recipe = lookup(recipes, record.recipe)
    if recipe is None:
        return ""
    declared = json.loads(json.dumps(plain(recipe)))  # tuples are lists in a record
    differing = [name for name, value in record.settings.items() if not may_be(name, declared.get(name, value), value)]
    return " ".join(f"{name}={record.settings[name]}" for name in differing)


def between(before: Record, after: Record) -> list[tuple[str, Any, Any]]:
    """The settings in which two runs differ: name, value before, value after; None for a setting that one lacks.

    Of recipes of two kinds, the kind and the settings that both have.
    """
    names = dict.fromkeys([*before.settings, *after.settings])
    if before.settings["kind"] != after.settings["kind"]:
        names = dict.fromkeys(name for name in names if name in before.settings and name in after.settings)
    pairs = [(name, before.settings.get(name), after.settings.get(name)) for name in names]
    return [(name, old, new) for name, old, new in pairs if old != new]


def _row(record: Record, recipes: Mapping[str, Recipe]) -> dict[str, Any]:
    epochs = [training["epochs"] for training in record.about.get("training", []) if training]
    scores = {
        name: record.scores.get(split, {}).get(part)
        for split in SCORED
        for name, part in ((split, "score"), (f"{split}_low", "low"), (f"{split}_high", "high"))
    }
    return {
        "recipe": record.recipe,
        "run": record.key,
        "changed": changed(record, recipes),
        **scores,
        "epochs": f"{len(epochs)} × {epochs[0]}"
        if len(epochs) > 1 and len({*epochs}) == 1
        else ", ".join(map(str, epochs)),
        "seconds": record.about["seconds"],
        "finished": record.finished,
        "images": (record.scores.get(HOLDOUT) or record.scores.get(OUT_OF_FOLD, {})).get("rows", 0),
    }
