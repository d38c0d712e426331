"""What each view of test-time augmentation, and each set of views, is worth: on out-of-fold rows, against plain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from harness.data.views import CENTRE, VIEWS
from harness.ensembles.combine import equal
from harness.ensembles.ledger import Kept, ledger, recommended
from harness.files import read_json, write_json
from harness.metrics import METRICS

Array = np.ndarray


def write(folder: Path, labels: Array, metric: str) -> None:
    """Write ``views.json`` from what the folds kept of each view; nothing where one view was all.

    Args:
        folder: the run's; ``fold-*/views.npz`` are its folds' ``Kept``.
        labels: (n,) class numbers of the whole data set.
        metric: the competition's.
    """
    folds = [Kept.read(file) for file in sorted(folder.glob("fold-*/views.npz"))]
    if not folds:
        return
    # Of a recipe's variants, that of the lowest log loss was taken.
    losses = [variant["log_loss"] for variant in (read_json(folder / "run.json") or {}).get("variants", [])]
    chosen = int(np.argmin(losses)) if losses else 0
    first, rows = folds[0], np.concatenate([fold.rows for fold in folds])
    probabilities = np.concatenate([fold.probabilities[chosen] for fold in folds], axis=1)
    known = {name: tuple(view.name for view in found) for name, found in VIEWS.items()} | {first.name: first.views}
    sets = {name: members for name, members in known.items() if len(members) > 1 and set(members) <= set(first.views)}
    entries = ledger(
        METRICS[metric],
        labels[rows],
        dict(zip(first.views, probabilities, strict=True)),
        sets,
        CENTRE.name,
        dict.fromkeys(first.views, 1.0),  # each is one pass through the network, at its one size
        lambda stacked: equal(stacked, first.average),
    )
    best = recommended([entry for entry in entries if entry.name in sets])  # a view by itself cannot be asked for
    found = [
        {"name": entry.name, "views": len(entry.views), "score": entry.score, "cost": entry.cost, **entry.gain.about()}
        for entry in entries
    ]
    about = {"metric": metric, "average": first.average, "rows": len(rows), "entries": found}
    write_json(folder / "views.json", about | {"recommended": best.name if best else CENTRE.name})


def is_written(folder: Path) -> bool:
    """Whether the ledger of a run is there, or its folds kept nothing to tell."""
    return (folder / "views.json").is_file() or not any(folder.glob("fold-*/views.npz"))


def show(name: str, folder: Path, out: Console) -> None:
    """Print the ledger of a run that has one: the sets, and what is recommended."""
    found: dict[str, Any] | None = read_json(folder / "views.json")
    if found is None:
        return
    table = Table("views", METRICS[found["metric"]].title, "gain over plain", "", "cost", box=None, pad_edge=False)
    for entry in found["entries"]:
        if entry["views"] > 1 or entry["name"] == CENTRE.name:
            gain = f"{entry['gain']:+.4f} ({entry['low']:+.4f} to {entry['high']:+.4f})"
            table.add_row(entry["name"], f"{entry['score']:.4f}", gain, entry["verdict"], f"{entry['cost']:g}×")
    out.print(f"{name}: views on {found['rows']:,} out-of-fold rows, averages of {found['average']}")
    out.print(table)
    out.print(f"the cheapest views that pay their way: {found['recommended']}")
