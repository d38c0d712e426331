"""A recipe whose probabilities become decisions."""

from __future__ import annotations

from dataclasses import dataclass

from harness.competition import Competition
from harness.ensembles.combine import Combiner
from harness.ensembles.members import Members
from harness.ensembles.thresholds import GradeCuts, LabelThresholds, fit_cuts, fit_labels
from harness.recipes.ensemble import Ensemble
from harness.recipes.recipe import Array
from harness.scoring.metrics import METRICS, Metric
from harness.utils.errors import UserError, require


@dataclass(frozen=True, kw_only=True)
class Thresholded(Ensemble):
    """One recipe, with the thresholds that are best for a metric that judges decisions.

    Of several labels an image: from which probability on a label is given. Of ordered classes: where the expected grade
    is cut. The thresholds are fitted to out-of-fold rows, and cross-fitted for the score of these.

    Args:
        of: the recipe's name.
        per_label: a threshold a label, not one for all; for rare labels it learns from few rows.
        at_least_one: each image gets its most probable label in any case.
    """

    of: str
    per_label: bool = False
    at_least_one: bool = False

    @property
    def key_steps(self) -> tuple[str, ...]:
        return (*super().key_steps, "thresholds")

    @property
    def members(self) -> tuple[str, ...]:
        return (self.of,)

    def check(self, competition: Competition) -> None:
        metric, targets = METRICS[competition.metric], competition.targets
        if metric.judges != "classes" or targets.name not in ("multilabel", "ordinal"):
            raise UserError(
                f"Thresholded: {metric.title} of {targets.name} targets is not decided by thresholds.",
                f"take the recipe {self.of} as it is, in the competition's recipes.py",
            )
        for setting in ("per_label", "at_least_one"):
            fits = targets.name == "multilabel" or not getattr(self, setting)
            require(self, setting, fits, "False for ordered classes")
        fits = not self.per_label or (metric.name in ("micro_f1", "micro_f2", "macro_f1") and not self.at_least_one)
        require(self, "per_label", fits, f"False for {metric.title}, and where at_least_one is True")

    def fit(self, members: Members, labels: Array, metric: Metric) -> Combiner:
        (probabilities,) = members.probabilities
        if members.targets.link == "sigmoid":
            values = fit_labels(probabilities, labels, metric, self.per_label, self.at_least_one)
            return LabelThresholds(values, self.at_least_one)
        return GradeCuts(fit_cuts(probabilities / probabilities.sum(axis=1, keepdims=True), labels, metric))
