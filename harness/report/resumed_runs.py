"""The table of runs that resumed from other runs: from which epoch, with which changed settings, and their scores."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from harness.data.splits import SCORED
from harness.report.runs import minute
from harness.runs.records import Record


def show(records: Iterable[Record], out: Console) -> None:
    """Print the runs with a parent run; nothing if there are none."""
    table = Table("recipe", "run", "from", "changed", "out of fold", "hold-out", "finished", box=None, pad_edge=False)
    for record in records:
        parent = record.about.get("parent")
        if parent is None:
            continue
        settings = record.settings
        parent_settings = parent.get("settings", settings)  # missing in older records
        changed = [f"{name}={value}" for name, value in settings.items() if value != parent_settings.get(name)]
        scores = [record.scores.get(split, {}).get("score") for split in SCORED]
        table.add_row(
            record.recipe,
            record.key[:8],
            f"{parent['run'][:8]}, epoch {parent['epoch']}",
            ", ".join(changed),
            *("" if score is None else f"{score:.4f}" for score in scores),
            minute(record.finished),
        )
    if table.row_count:
        out.print("\nruns resumed from other runs:")
        out.print(table)
