"""A blend whose weights are found by hill climbing."""

from __future__ import annotations

from dataclasses import dataclass

from harness.competition import Competition
from harness.ensembles.combine import Average, Combiner
from harness.ensembles.hill_climbing import select
from harness.ensembles.members import Members
from harness.recipes.ensemble import EnsembleOfSeveral
from harness.recipes.recipe import Array
from harness.scoring.metrics import Metric
from harness.utils.errors import require


@dataclass(frozen=True, kw_only=True)
class HillClimb(EnsembleOfSeveral):
    """The mean of its members with weights found by hill climbing for the competition's metric.

    Known as greedy ensemble selection with replacement.

    Source: Caruana et al., Ensemble Selection from Libraries of Models (2004).

    Args:
        steps: at most so many picks, so that weights are multiples of about one over it.
        bags: selections, each from a random half of the members, whose weights are averaged; 1 selects once, from all.
    """

    steps: int = 50
    bags: int = 1

    @property
    def key_steps(self) -> tuple[str, ...]:
        return (*super().key_steps, "hill_climbing")

    def check(self, competition: Competition) -> None:
        super().check(competition)
        require(self, "steps", self.steps >= 1, "at least 1")
        require(self, "bags", self.bags >= 1, "at least 1")

    def fit(self, members: Members, labels: Array, metric: Metric) -> Combiner:
        link, settings = members.targets.link, {"steps": self.steps, "bags": self.bags, "seed": self.seed}
        return Average(select(members.probabilities, labels, metric, **settings, link=link), link=link)
