"""What each view of test-time augmentation, and each set of views, is worth: on out-of-fold rows, against plain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from harness.data.views import CENTRE, VIEWS
from harness.ensembles.ledger import ledger, recommended
from harness.files import read_json, write_json
from harness.metrics import METRICS

Array = np.ndarray


def write(folder: Path, labels: Array, metric: str) -> None:
    """Write ``views.json`` from what the folds kept of each view; nothing where one view was all.

    Args:
        folder: the run's; ``fold-*/views.npz`` holds names, rows and probabilities (views, rows, classes).
        labels: (n,) class numbers of the whole data set.
        metric: the competition's.
    """
    folds = []
    for file in sorted(folder.glob("fold-*/views.npz")):
        with np.load(file, allow_pickle=False) as kept:
            folds.append({name: kept[name] for name in kept.files})
    if not folds:
        return
    names = [str(name) for name in folds[0]["names"]]
    rows = np.concatenate([fold["rows"] for fold in folds])
    probabilities = np.concatenate([fold["probabilities"] for fold in folds], axis=1)
    sets = {name: tuple(view.name for view in found) for name, found in VIEWS.items() if len(found) > 1}
    entries = ledger(
        METRICS[metric],
        labels[rows],
        dict(zip(names, probabilities, strict=True)),
        {name: members for name, members in sets.items() if set(members) <= set(names)},
        CENTRE.name,
        dict.fromkeys(names, 1.0),  # each is one pass through the network
        lambda stacked: stacked.mean(axis=0),
    )
    best = recommended(entries)
    found = [
        {"name": entry.name, "views": len(entry.views), "score": entry.score, "cost": entry.cost, **entry.gain.about()}
        for entry in entries
    ]
    about = {"metric": metric, "rows": len(rows), "entries": found, "recommended": best.name if best else CENTRE.name}
    write_json(folder / "views.json", about)


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
    out.print(f"{name}: views on {found['rows']:,} out-of-fold rows")
    out.print(table)
    out.print(f"the cheapest views that pay their way: {found['recommended']}")
