"""A recipe whose probabilities are calibrated."""

from __future__ import annotations

from dataclasses import dataclass

from harness.competition import Competition
from harness.ensembles.calibration import calibrate
from harness.ensembles.combine import Combiner
from harness.ensembles.members import Members
from harness.recipes.ensemble import Ensemble
from harness.recipes.recipe import Array
from harness.scoring.metrics import METRICS, Metric
from harness.utils.errors import UserError

# Why calibration, which is fitted to log loss, is not for a metric, by what that judges.
LOOKS_AT = {
    "classes": "looks at the most probable class alone, and calibration never changes it",
    "ranking": "looks at the order of the classes alone, and calibration never changes it",
    "order": "looks at the order of the rows alone, not at how sure the predictions are",
}


@dataclass(frozen=True, kw_only=True)
class Calibrated(Ensemble):
    """One recipe, as sure as it should be: temperature and clipping fitted for log loss.

    Args:
        of: the recipe's name.
    """

    of: str

    @property
    def key_steps(self) -> tuple[str, ...]:
        return (*super().key_steps, "calibration")

    @property
    def members(self) -> tuple[str, ...]:
        return (self.of,)

    def check(self, competition: Competition) -> None:
        metric = METRICS[competition.metric]
        if competition.targets.link == "identity":
            raise UserError("Calibrated: a number has no probability.", f"take the recipe {self.of} as it is")
        if not metric.probabilistic:
            raise UserError(
                f"Calibrated: {metric.title} {LOOKS_AT[metric.judges]}.",
                f"take the recipe {self.of} as it is, in the competition's recipes.py",
            )

    def fit(self, members: Members, labels: Array, metric: Metric) -> Combiner:
        return calibrate(members.probabilities, labels, members.targets.link)
