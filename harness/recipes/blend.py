"""A blend: the average of other recipes' predictions."""

from __future__ import annotations

from dataclasses import dataclass

from harness.predictions import Predictions, mean
from harness.recipes.recipe import Recipe, require


@dataclass(frozen=True, kw_only=True)
class Blend(Recipe):
    """The plain average of its members' probabilities, joined by id.

    Nothing is fitted, so its out-of-fold score is as honest as its members'.

    Args:
        of: names of recipes of the same competition.
    """

    of: tuple[str, ...]

    @property
    def modules(self) -> tuple[str, ...]:
        return ("predictions",)

    @property
    def members(self) -> tuple[str, ...]:
        return self.of

    def check(self, competition) -> None:
        require(self, "of", len(self.of) > 0, "at least one recipe's name")

    def combine(self, members: list[Predictions]) -> Predictions:
        return mean(members)
