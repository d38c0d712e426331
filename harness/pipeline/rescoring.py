"""Finished runs that an older version scored, or that were scored by another metric, are scored again."""

from __future__ import annotations

from harness.data.dataset import Dataset
from harness.pipeline.artifacts import Artifacts
from harness.runs import scores
from harness.utils.console import say
from harness.utils.errors import UserError, some


def rescore(artifacts: Artifacts) -> None:
    """Score a competition's finished runs again where that is due, so that each score has one interval everywhere.

    While the data is not known, it is told how many wait for that.
    """
    competition, dataset = artifacts.competition, known_dataset(artifacts)
    runs, metric = artifacts.workspace.runs(competition.name), competition.metric
    if dataset is not None:
        scores.renew(runs, metric, dataset)
    elif waiting := scores.waiting(runs, metric):
        names = some([f"{folder.parent.name}/{folder.name[:8]}" for folder, _ in waiting], 3)
        say(f"To be scored again, once the data is read (harness prepare {competition.name}): {names}.")


def known_dataset(artifacts: Artifacts) -> Dataset | None:
    """The data set, if it was read and is still there; else what is kept is shown as it is."""
    try:
        return artifacts.known_dataset()
    except UserError:
        return None
