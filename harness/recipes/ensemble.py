"""Ensembles: recipes made of other recipes' predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.competition import Competition
from harness.ensembles.combine import Combiner
from harness.ensembles.members import Members
from harness.recipes.recipe import Recipe
from harness.scoring.metrics import Metric
from harness.utils.errors import require

Array = np.ndarray


@dataclass(frozen=True, kw_only=True)
class Ensemble(Recipe):
    """A recipe made of other recipes' predictions, joined by id.

    Its out-of-fold predictions are cross-fitted, so that they are as honest as its members'; those of the hold-out and
    the test come from an ensemble fitted to all out-of-fold rows.
    """

    @property
    def key_steps(self) -> tuple[str, ...]:
        return ("ensemble_runs", "averages", "metrics")

    @property
    def needed(self) -> int:
        """How many members must not have failed."""
        return len(self.members)

    def fit(self, members: Members, labels: Array, metric: Metric) -> Combiner:
        """Fit to out-of-fold predictions.

        Args:
            members: those that did not fail.
            labels: (n,) class numbers of their rows.
            metric: the competition's.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement fit")


@dataclass(frozen=True, kw_only=True)
class EnsembleOfSeveral(Ensemble):
    """An ensemble that can do without a failed member.

    Args:
        of: names of recipes of the same competition.
        enough: a member that fails is left out as long as so many remain.
    """

    of: tuple[str, ...]
    enough: int = 2

    @property
    def members(self) -> tuple[str, ...]:
        return self.of

    @property
    def needed(self) -> int:
        return min(self.enough, len(self.of))

    def check(self, competition: Competition) -> None:
        require(self, "of", len(self.of) > 0, "at least one recipe's name")
        require(self, "of", len(set(self.of)) == len(self.of), "recipes' names, each once")
        require(self, "enough", self.enough >= 1, "at least 1")
