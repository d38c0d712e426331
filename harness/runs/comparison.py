"""Finished runs side by side: their scores, and the settings in which they differ from their recipe's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from harness.data.splits import HOLDOUT, OUT_OF_FOLD
from harness.recipes.recipe import Recipe
from harness.recipes.seeds import lookup
from harness.recipes.settings import plain
from harness.runs.records import Record


def compared(records: list[Record], recipes: Mapping[str, Recipe], sort: str, higher: bool) -> list[dict[str, Any]]:
    """A row a run.

    Args:
        records: the finished runs.
        recipes: those that the competition declares, by name.
        sort: "finished" (the latest last), "recipe", or a split, whose best score comes first.
        higher: whether higher scores are better.

    Returns:
        "recipe", "run" (its key), "changed" (settings unlike the recipe's), "out_of_fold" and "holdout" (scores, or
        None), the same with "_low" and "_high" (the ends of their intervals), "epochs" (of each fold's network; ""
        without one), "seconds", "finished".
    """
    rows = [_row(record, recipes) for record in sorted(records, key=lambda record: record.sequence)]
    if sort == "recipe":
        rows.sort(key=lambda row: row["recipe"])
    elif sort != "finished":
        sign = -1 if higher else 1
        rows.sort(key=lambda row: (row[sort] is None, sign * (row[sort] or 0)))
    return rows


def changed(record: Record, recipes: Mapping[str, Recipe]) -> str:
    """The settings of a run that are not its recipe's; "" also where there is no such recipe any more."""
    recipe = lookup(recipes, record.recipe)
    if recipe is None:
        return ""
    declared = json.loads(json.dumps(plain(recipe)))  # tuples are lists in a record
    differing = [name for name, value in record.settings.items() if declared.get(name, value) != value]
    return " ".join(f"{name}={record.settings[name]}" for name in differing)


def _row(record: Record, recipes: Mapping[str, Recipe]) -> dict[str, Any]:
    epochs = [training["epochs"] for training in record.about.get("training", []) if training]
    scores = {
        name: record.scores.get(split, {}).get(part)
        for split in (OUT_OF_FOLD, HOLDOUT)
        for name, part in ((split, "score"), (f"{split}_low", "low"), (f"{split}_high", "high"))
    }
    return {
        "recipe": record.recipe,
        "run": record.key,
        "changed": changed(record, recipes),
        **scores,
        "epochs": ", ".join(map(str, epochs)),
        "seconds": record.about["seconds"],
        "finished": record.finished,
    }
