"""Fitting fold by fold."""

from __future__ import annotations

import pytest

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
    assert "correct what Lost computes, or its settings" in told.err and "learning_rate" not in told.err
    assert not [*insects.runs("insects").glob("lost/*/run.json")]


@pytest.mark.model
def test_of_a_network_a_lower_learning_rate_is_suggested(insects: Workspace, harness):
    network = 'Network(network="minivggnet", size=(16, 16), epochs=1, optimizer="sgd", learning_rate=1e30)'
    recipes = LOST.replace("import LogisticRegression", "import LogisticRegression, Network")
    (insects.competition("insects") / "recipes.py").write_text(recipes.replace("Lost(size=(6, 6))", network))
    told = harness("train", "insects")
    assert told.code == 2 and "not finite numbers, as after a training at too high a learning rate" in told.err
    assert "set a lower learning_rate" in told.err
