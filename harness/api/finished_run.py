"""A finished run: its scores, predictions and CSVs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.data.splits import SCORED
from harness.pipeline.graph import Pipeline
from harness.scoring.predictions import Predictions
from harness.utils.named import Named

if TYPE_CHECKING:
    import pandas as pd


class FinishedRun:
    """A run that is done. ``LoadedCompetition.train`` gives one.

    Args:
        pipeline: what made it.
        recipe: the recipe's name.
    """

    def __init__(self, pipeline: Pipeline, recipe: str) -> None:
        self.recipe, self._pipeline = recipe, pipeline
        self._run = pipeline.artifacts.run_of(recipe)

    def __repr__(self) -> str:
        return f"FinishedRun({self.recipe}, {self.key[:8]})"

    @property
    def key(self) -> str:
        """What the run is made from, as a hash."""
        return self._run.key

    @property
    def folder(self) -> Path:
        """Its folder: settings, learning curves, predictions, reports."""
        return self._run.folder

    @property
    def scores(self) -> pd.DataFrame:
        """One row a split: metric, score, low and high (95 % interval), interval (its kind), rows, top1, top5."""
        import pandas as pd

        metrics = self._run.metrics() or {}
        splits = [split for split in SCORED if split in metrics]
        return pd.DataFrame([metrics[split] for split in splits], index=splits)

    @property
    def predictions(self) -> dict[str, Predictions]:
        """Probabilities by split: "out_of_fold", "holdout", "test"; ``to_frame()`` makes a table of each.

        Example:
            >>> run.predictions["test"].to_frame()  # doctest: +SKIP
        """
        return Named(self._pipeline.artifacts.predictions(self.recipe), "split")

    @property
    def submissions(self) -> dict[str, Path]:
        """The CSVs by split: "test" where the organiser has one, and "holdout"."""
        return Named(self._pipeline.artifacts.submission_files(self.recipe), "split")

    @property
    def submission(self) -> Path:
        """The CSV to send: for the organiser's test images; where there are none, for the hold-out."""
        return next(iter(self.submissions.values()))
