"""Fitting fold by fold."""

from __future__ import annotations

from harness.utils.workspace import Workspace

LOST = '''
from dataclasses import dataclass

from harness.recipes import LogisticRegression, recipe


@dataclass(frozen=True, kw_only=True)
class Lost(LogisticRegression):
    def fit(self, fold):
        probabilities = super().fit(fold)
        probabilities[0] = float("nan")
        return probabilities


@recipe
def lost():
    """Its first prediction is none."""
    return Lost(size=(6, 6))


default = lost
'''


def test_predictions_that_are_no_numbers_are_the_recipes_fault(insects: Workspace, harness):
    (insects.competition("insects") / "recipes.py").write_text(LOST)
    told = harness("train", "insects")
    assert told.code == 2 and "lost, fold 1 of 2: 1 predictions are not finite numbers" in told.err
    assert "set a lower learning_rate" in told.err and not [*insects.runs("insects").glob("lost/*/run.json")]
