"""The kept scores of runs: one score has one interval, that of today's metric, wherever it is printed."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

from harness.data.dataset import Dataset
from harness.data.splits import OUT_OF_FOLD, TEST
from harness.runs import variants
from harness.scoring import evaluation
from harness.scoring import predictions as tables
from harness.tta import worth
from harness.utils import fingerprint as fp
from harness.utils.console import doing, say
from harness.utils.files import lock, read_json, write_json
from harness.utils.versions import versions

NAME = "metrics.json"


def kept(folder: Path, run: str, metric: str) -> dict[str, Any] | None:
    """A run's scores by split; None where they are missing, of another metric, or an older version's.

    Args:
        folder: the run's.
        run: its key.
        metric: the competition's.
    """
    record = read_json(folder / NAME)
    return record["splits"] if record is not None and record.get("made_from") == _key(run, metric) else None


def evaluate(folder: Path, run: str, metric: str, about: dict[str, Any], dataset: Dataset) -> None:
    """Score a run's predictions, and keep the scores.

    Args:
        folder, run, metric: as for ``kept``.
        about: what its ``run.json`` holds.
        dataset: gives the labels.

    Raises:
        KeyError: the run was made of images that are not there any more.
    """
    splits = tables.read(folder / "predictions.h5", run) or {}
    labelled = {split: predictions for split, predictions in splits.items() if split != TEST}
    scores = evaluation.write(folder, labelled, dataset, metric)
    honest = variants.honest(folder, run, about)
    if honest is not None:
        score = evaluation.evaluate(honest, dataset, metric)
        scores[OUT_OF_FOLD]["honest"] = {name: score[name] for name in ("score", "low", "high")}
    worth.write(folder, dataset, metric)
    write_json(folder / NAME, {"made_from": _key(run, metric), "run": run, "splits": scores})


def renew(runs: Path, metric: str, dataset: Dataset) -> None:
    """Score those of a competition's finished runs again that an older version scored.

    What is of other images, labels or splits than there are now, or on a disk that cannot be written, keeps the scores
    that it has.
    """
    for folder, about in waiting(runs, metric):
        before = read_json(folder / NAME)
        why = "in a file that is damaged or was altered" if before is None else "by an older version"
        if before is not None and any(scores["metric"] != metric for scores in before["splits"].values()):
            why = "by another metric"
        predictions = tables.read(folder / "predictions.h5", folder.name)
        if predictions is None or about.get("dataset") != dataset.fingerprint:
            continue
        try:
            name = f"{folder.parent.name}/{folder.name[:8]}"
            with lock(folder, f"the run {name}"), doing(f"scoring {name} again"):
                evaluate(folder, folder.name, metric, about, dataset)
            say(f"{name} was scored {why}, and is scored again.")
        except OSError as error:
            if error.errno not in (errno.EROFS, errno.EACCES):
                raise


def waiting(runs: Path, metric: str) -> list[tuple[Path, dict[str, Any]]]:
    """The folders of finished runs whose scores are damaged, altered or an older version's, and their ``run.json``."""
    found = []
    for file in sorted(runs.glob(f"*/*/{NAME}")):
        folder, about = file.parent, read_json(file.with_name("run.json"), sealed=False)
        if about is not None and about.get("made_from") == folder.name and kept(folder, folder.name, metric) is None:
            found.append((folder, about))
    return found


def _key(run: str, metric: str) -> str:
    return fp.fingerprint(run=run, metric=metric, steps=versions("evaluation", "metrics", "tta_worth"))
