"""The report of test-time augmentation: the gain of each set of views over the central crop, on out-of-fold rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from harness.ensembles.gain import gain_in
from harness.scoring.metrics import METRICS
from harness.tta.views import CENTRE
from harness.utils.files import read_json

Array = np.ndarray


def show(name: str, folder: Path, out: Console) -> None:
    """Print a run's table of view sets and the recommended set; nothing if the run has only one view."""
    report: dict[str, Any] | None = read_json(folder / "views.json")
    if report is None:
        return
    table = Table("views", METRICS[report["metric"]].title, "gain over centre", "", "cost", box=None, pad_edge=False)
    for entry in report["entries"]:
        if entry["views"] > 1 or entry["name"] == CENTRE.name:
            gain = str(gain_in(entry))
            table.add_row(entry["name"], f"{entry['score']:.4f}", gain, entry["verdict"], f"{entry['cost']:g}×")
    out.print(f"{name}: views on {report['rows']:,} out-of-fold rows, averages of {report['average']}")
    out.print(table)
    out.print(f"recommended, the cheapest with a gain close to the best: {report['recommended']}")
