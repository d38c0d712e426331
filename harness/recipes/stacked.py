"""A model on recipes' predictions."""

from __future__ import annotations

from dataclasses import dataclass

from harness.competition import Competition
from harness.ensembles.combine import Combiner
from harness.ensembles.members import Members
from harness.ensembles.stacking import stack
from harness.recipes.ensemble import EnsembleOfSeveral
from harness.recipes.recipe import Array
from harness.scoring.metrics import Metric
from harness.utils.errors import require


@dataclass(frozen=True, kw_only=True)
class Stacked(EnsembleOfSeveral):
    """A logistic regression on its members' log-probabilities.

    Args:
        c: inverse strength of the L2 penalty.
    """

    c: float = 0.01

    @property
    def key_steps(self) -> tuple[str, ...]:
        return (*super().key_steps, "stacking")

    def check(self, competition: Competition) -> None:
        super().check(competition)
        require(self, "c", self.c > 0, "above 0")

    def fit(self, members: Members, labels: Array, metric: Metric) -> Combiner:
        return stack(members.probabilities, labels, self.c)
