"""Ensembles: recipes made of other recipes' predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from harness.ensembles.calibration import calibrate
from harness.ensembles.combine import Average, Combiner
from harness.ensembles.greedy import select
from harness.ensembles.members import Members
from harness.ensembles.stacking import stack
from harness.errors import UserError
from harness.metrics import METRICS, Metric
from harness.recipes.recipe import Array, Recipe, require

if TYPE_CHECKING:
    from harness.competition import Competition


@dataclass(frozen=True, kw_only=True)
class Ensemble(Recipe):
    """A recipe made of other recipes' predictions, joined by id.

    Its out-of-fold predictions are cross-fitted, so that they are as honest as its members'; those of the hold-out and
    the test come from an ensemble fitted to all out-of-fold rows.
    """

    @property
    def modules(self) -> tuple[str, ...]:
        parts = ("calibration", "combine", "crossfit", "gain", "greedy", "members", "stacking")
        return ("metrics", *(f"ensembles.{part}" for part in parts))

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
class _OfSeveral(Ensemble):
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


@dataclass(frozen=True, kw_only=True)
class Blend(_OfSeveral):
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
        metric = METRICS[competition.metric]
        probabilities = self.how in ("mean", "geometric") or not metric.probabilistic
        require(self, "how", probabilities, f"'mean' or 'geometric' where {metric.title} judges probabilities")

    def fit(self, members: Members, labels: Array, metric: Metric) -> Combiner:
        weights = dict(zip(self.of, self.weights or (1.0,) * len(self.of), strict=True))
        return Average(np.array([weights[name] for name in members.names]), self.how)


@dataclass(frozen=True, kw_only=True)
class Greedy(_OfSeveral):
    """The mean of its members with weights found by greedy selection for the competition's metric.

    Args:
        steps: at most so many picks, so that weights are multiples of about one over it.
        bags: selections, each from a random half of the members, whose weights are averaged; 1 selects once, from all.
    """

    steps: int = 50
    bags: int = 1

    def check(self, competition: Competition) -> None:
        super().check(competition)
        require(self, "steps", self.steps >= 1, "at least 1")
        require(self, "bags", self.bags >= 1, "at least 1")

    def fit(self, members: Members, labels: Array, metric: Metric) -> Combiner:
        return Average(select(members.probabilities, labels, metric, steps=self.steps, bags=self.bags, seed=self.seed))


@dataclass(frozen=True, kw_only=True)
class Stacked(_OfSeveral):
    """A logistic regression on its members' log-probabilities.

    Args:
        c: inverse strength of the L2 penalty.
    """

    c: float = 0.01

    def check(self, competition: Competition) -> None:
        super().check(competition)
        require(self, "c", self.c > 0, "above 0")

    def fit(self, members: Members, labels: Array, metric: Metric) -> Combiner:
        return stack(members.probabilities, labels, self.c)


@dataclass(frozen=True, kw_only=True)
class Calibrated(Ensemble):
    """One recipe, as sure as it should be: temperature and clipping fitted for log loss.

    Args:
        of: the recipe's name.
    """

    of: str

    @property
    def members(self) -> tuple[str, ...]:
        return (self.of,)

    def check(self, competition: Competition) -> None:
        metric = METRICS[competition.metric]
        if not metric.probabilistic:
            raise UserError(
                f"Calibrated: {metric.title} looks at the most probable class alone, and calibration never changes it.",
                f"take the recipe {self.of} as it is",
            )

    def fit(self, members: Members, labels: Array, metric: Metric) -> Combiner:
        return calibrate(members.probabilities, labels)
