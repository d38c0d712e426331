"""The record that makes a run count as fitted: ``run.json``."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.data.dataset import Dataset
from harness.recipes.settings import plain
from harness.runs import machine
from harness.runs.run import Run
from harness.scoring import predictions as tables
from harness.scoring.predictions import Predictions
from harness.utils.files import lock, read_json, write_json
from harness.utils.libraries import backend, installed
from harness.utils.stopwatch import Took

LIBRARIES = ("keras", "tensorflow", "jax", "numpy", "scikit-learn", "opencv-python-headless", "opencv-python")


def finish(
    run: Run, splits: dict[str, Predictions], dataset: Dataset, took: list[Took], chosen: dict[str, Any] | None = None
) -> None:
    """Write the predictions, and last the record that makes the run count as fitted."""
    tables.write(run.folder / "predictions.h5", run.key, splits)
    parent, training = run.parent, [read_json(file) for file in sorted(run.folder.glob("fold-*/training.json"))]
    record = {
        "made_from": run.key,
        "recipe": run.name,
        "settings": plain(run.recipe),
        "smoke": run.smoke,
        "parent": parent and {"run": parent.run.key, "epoch": parent.epoch, "settings": plain(parent.run.recipe)},
        "training_key": run.training_key,
        "members": run.members,
        "training": training,
        "dataset": dataset.fingerprint,
        "folds": run.folds,
        "leaks": run.leaks,
        "inputs": run.inputs,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        **{name: value for name, value in sum(took, Took())._asdict().items() if not math.isnan(value)},
        "seconds_by_fold": [fold.seconds for fold in took],
        "machine": (chosen or {}).get("machine") or machine.about(trained=bool(training)),
        "backend": backend(),
        "libraries": installed(LIBRARIES),
    } | (chosen or {})
    with lock(run.folder.parent.parent / "sequence", "the order of runs"):
        record = {"sequence": _next_number(run.folder.parent.parent)} | record
        write_json(run.folder / "run.json", record)


def _next_number(runs: Path) -> int:
    """One more than any finished run of the competition has: clocks stand still or tie, this does not."""
    return 1 + max(
        ((read_json(file, sealed=False) or {}).get("sequence", 0) for file in runs.glob("*/*/run.json")), default=0
    )
