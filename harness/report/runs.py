"""Tables of finished runs, and of the difference between two of them."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console
from rich.table import Table

from harness.ensembles.gain import Gain
from harness.runs.difference import Changes, Difference
from harness.scoring.evaluation import interval_of
from harness.scoring.metrics import Interval, Metric
from harness.utils.console import seconds

SPLITS = {"out_of_fold": "out of fold", "holdout": "hold-out"}
CLASSES = 10  # whose difference is shown
LONGEST = 60  # characters of a value


def table_of(rows: list[dict[str, Any]], metric: Metric) -> Table:
    """A table of runs, from ``harness.runs.comparison.compared``; columns that would be empty are left out.

    Times are those of a run with all it is made of, but for the images' decoding where that is not noted. "Pareto" says
    that no other run is as good in less time.
    """
    columns = {
        "recipe": [row["recipe"] for row in rows],
        "run": [row["run"][:8] for row in rows],
        "changed": [row["changed"] for row in rows],
        f"out-of-fold {metric.title}": [interval(row, "out_of_fold") for row in rows],
        f"hold-out {metric.title}": [interval(row, "holdout") for row in rows],
        "gain over the best": [gain(row) for row in rows],
        "epochs": [row["epochs"] for row in rows],
        "in all": ["over " * (not row["is_all"]) + seconds(row["seconds_in_all"]) for row in rows],
        "Pareto": ["yes" * row["pareto"] for row in rows],
        "finished": [minute(row["finished"]) for row in rows],
        "state": [row["state"] for row in rows],
    }
    shown = {title: cells for title, cells in columns.items() if any(cells)}
    table = Table(*shown, box=None, pad_edge=False)
    for cells in zip(*shown.values(), strict=True):
        table.add_row(*cells)
    return table


def minute(time: str) -> str:
    """A time of a record, to the minute."""
    return time[:16].replace("T", " ")


def interval(row: dict[str, Any], split: str) -> str:
    """A run's score with its interval."""
    return "" if row[split] is None else str(interval_in(row, split))


def interval_in(row: dict[str, Any], split: str) -> Interval:
    """A run's score on a split that it has one of."""
    return Interval(row[split], row[f"{split}_low"], row[f"{split}_high"])


def gain(row: dict[str, Any]) -> str:
    """A run's gain over the best one, with its verdict."""
    if row["gain"] is None:
        return row["verdict"]
    return Gain(row["gain"], row["gain_low"], row["gain_high"]).judged


def show_difference(found: Difference, metric: Metric, out: Console) -> None:
    """Print what differs between two runs."""
    before, after = found.before.name, found.after.name
    for title, changes in (
        ("settings", found.settings),
        ("made from", found.made_from),
        ("versions", found.versions),
    ):
        if changes:
            out.print(_changes(title, before, after, changes))
            out.print()
    if not (found.settings or found.made_from or found.versions):
        out.print("The two runs have the same settings, data and versions.")
    scores = Table(metric.title, before, after, f"gain of {after}", box=None, pad_edge=False)
    for split, title in SPLITS.items():
        cells = [_score(record.scores.get(split)) for record in (found.before, found.after)]
        gained = found.gains.get(split)
        if any(cells):
            scores.add_row(title, *cells, gained.judged if gained else "not comparable: no rows that both have")
    out.print(scores)
    if found.classes:
        out.print()
        classes = Table("class", "images", f"found by {before}", f"by {after}", "", box=None, pad_edge=False)
        for one in found.classes[:CLASSES]:
            change = f"{one.after - one.before:+.3f}"
            classes.add_row(one.name, f"{one.images:,}", f"{one.before:.3f}", f"{one.after:.3f}", change)
        out.print(classes)
        if len(found.classes) > CLASSES:
            out.print(f"and {len(found.classes) - CLASSES:,} more classes whose share found differs")


def _changes(title: str, before: str, after: str, changes: Changes) -> Table:
    table = Table(title, before, after, box=None, pad_edge=False)
    for name, old, new in changes:
        table.add_row(name, plain(old), plain(new))
    return table


def plain(value: Any) -> str:
    """A value of a record, shortened."""
    if value is None:
        return "–"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _score(scores: dict[str, Any] | None) -> str:
    return "" if scores is None else str(interval_of(scores))
