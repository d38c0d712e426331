"""A run: one recipe with one set of settings on one data set, kept in a folder of its own.

``runs/<competition>/<recipe>/<key>/`` holds ``run.json`` (what it was made from, on what, how long; written
last, so a folder without it is unfinished), ``predictions.h5``, ``metrics.json``, reports, and one folder a fold
with its learning curves. A finished fold is kept, so an interrupted run goes on with the next one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.data.dataset import Dataset
from harness.recipes.ensemble import Ensemble
from harness.recipes.recipe import Recipe
from harness.runs import scores
from harness.scoring import predictions as tables
from harness.scoring.predictions import Predictions
from harness.tta import worth
from harness.utils.files import read_json


@dataclass(frozen=True)
class Parent:
    """Where a run goes on from: another one's checkpoints after an epoch."""

    run: Run
    epoch: int


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run's folder.

    Args:
        name: the recipe's name.
        key: what the run is made from, as a hash; the folder's name.
        folder: where it is kept.
        recipe: its settings.
        metric: the competition's, by which its predictions are scored.
        smoke: whether the recipe is a shrunken one, whose scores say nothing.
        parent: what its training goes on from; None where it begins anew.
        training_key: what its weights are made from, as a hash; None where none are trained. Runs that ask the same
            weights in other ways share it.
        members: the runs an ensemble is made of: names and keys.
        folds: the name of the file of its folds.
        leaks: how many pairs of identical images those folds separate; 0 unless that was allowed.
        inputs: the caches it reads: names of the files and keys.
    """

    name: str
    key: str
    folder: Path
    recipe: Recipe = field(repr=False)
    metric: str
    smoke: bool = False
    parent: Parent | None = None
    training_key: str | None = None
    members: dict[str, str] = field(default_factory=dict)
    folds: str = ""
    leaks: int = 0
    inputs: dict[str, str] = field(default_factory=dict)

    def about(self) -> dict[str, Any] | None:
        """The fitted run's record; None where it is unfinished or another's."""
        about = read_json(self.folder / "run.json", sealed=False)
        return about if about is not None and about.get("made_from") == self.key else None

    def is_fitted(self) -> bool:
        reported = not isinstance(self.recipe, Ensemble) or read_json(self.folder / "blend.json") is not None
        return reported and self.about() is not None and self.predictions() is not None

    def is_done(self) -> bool:
        return self.is_fitted() and self.metrics() is not None and worth.is_written(self.folder)

    def metrics(self) -> dict[str, Any] | None:
        """Scores by split; None where they are missing or of another metric."""
        return scores.kept(self.folder, self.key, self.metric)

    def predictions(self) -> dict[str, Predictions] | None:
        """Predictions by split; None where the file is missing or damaged."""
        return tables.read(self.folder / "predictions.h5", self.key)

    def evaluate(self, dataset: Dataset) -> None:
        """Score the predictions. Apart from fitting, so that another metric or report trains nothing again."""
        scores.evaluate(self.folder, self.key, self.metric, self.about() or {}, dataset)

    def has_older(self) -> bool:
        """Whether the recipe was run before, from something else."""
        return any(record.parent.name != self.key for record in self.folder.parent.glob("*/run.json"))
