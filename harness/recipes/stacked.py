"""A model on recipes' predictions."""

from __future__ import annotations

from dataclasses import dataclass

from harness.competition import Competition
from harness.ensembles.combine import Combiner
from harness.ensembles.members import Members
from harness.ensembles.stacking import stack, stack_columns
from harness.recipes.ensemble import EnsembleOfSeveral
from harness.recipes.recipe import Array
from harness.scoring.metrics import Metric
from harness.utils.errors import require


@dataclass(frozen=True, kw_only=True)
class Stacked(EnsembleOfSeveral):
    """A linear model on its members' predictions.

    It is a logistic regression on log-probabilities; of several labels, one each on that label's logits; of a number,
    ridge regression, which leans towards the members' mean.

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
        if members.targets.link == "softmax":
            return stack(members.probabilities, labels, self.c)
        return stack_columns(members.probabilities, labels, self.c, members.targets.link)
