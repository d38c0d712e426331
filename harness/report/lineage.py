"""Runs that go on from other runs, as a table: from which epoch, with which settings changed, and how they ended."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from harness.predictions import HOLDOUT, OUT_OF_FOLD
from harness.records import Record


def show(found: Iterable[Record], out: Console) -> None:
    """Print the runs with a parent; nothing where there are none."""
    table = Table("recipe", "run", "from", "changed", "out of fold", "hold-out", "finished", box=None, pad_edge=False)
    for record in found:
        parent = record.about.get("parent")
        if parent is None:
            continue
        after = record.settings
        before = parent.get("settings", after)  # older records name the parent alone
        changed = [f"{name}={value}" for name, value in after.items() if value != before.get(name)]
        scores = [record.scores.get(split, {}).get("score") for split in (OUT_OF_FOLD, HOLDOUT)]
        table.add_row(
            record.recipe,
            record.key[:8],
            f"{parent['run'][:8]}, epoch {parent['epoch']}",
            ", ".join(changed),
            *("" if score is None else f"{score:.4f}" for score in scores),
            record.finished[:16].replace("T", " "),
        )
    if table.row_count:
        out.print("\nruns going on from others:")
        out.print(table)
