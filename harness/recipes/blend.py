"""An average of recipes' predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.competition import Competition
from harness.ensembles.combine import Average, Combiner
from harness.ensembles.members import Members
from harness.recipes.ensemble import EnsembleOfSeveral
from harness.recipes.recipe import Array
from harness.scoring.metrics import METRICS, Metric
from harness.utils.errors import require


@dataclass(frozen=True, kw_only=True)
class Blend(EnsembleOfSeveral):
    """An average of its members, of weights given beforehand.

    Args:
        how: of probabilities ("mean"), of their logarithms ("geometric"), of their ranks ("rank"), or of votes for one
            class each ("vote"). The last two give no probabilities that log loss could judge.
        weights: one a member, in the order of ``of``; None weighs all alike.
    """

    how: Literal["mean", "geometric", "rank", "vote"] = "mean"
    weights: tuple[float, ...] | None = None

    def check(self, competition: Competition) -> None:
        super().check(competition)
        weights = self.weights or (1.0,) * len(self.of)
        require(self, "weights", len(weights) == len(self.of), f"one for each of {', '.join(self.of)}")
        require(self, "weights", min(weights) > 0, "above 0")
        metric, kind = METRICS[competition.metric], competition.targets
        require(self, "how", kind.link != "identity" or self.how == "mean", f"'mean' for {kind.name} targets")
        probabilities = self.how in ("mean", "geometric") or not metric.probabilistic
        require(self, "how", probabilities, f"'mean' or 'geometric' where {metric.title} judges probabilities")

    def fit(self, members: Members, labels: Array, metric: Metric) -> Combiner:
        weights = dict(zip(self.of, self.weights or (1.0,) * len(self.of), strict=True))
        return Average(np.array([weights[name] for name in members.names]), self.how, members.targets.link)
