"""A competition with recipes that cost nothing: what they predict follows from their settings."""

from __future__ import annotations

import pytest

from harness.utils.workspace import Workspace
from tests.conftest import edit

RECIPES = '''
from dataclasses import dataclass

import numpy as np

from harness.recipes import Blend, LogisticRegression, recipe
from harness.recipes.recipe import FoldRecipe


@dataclass(frozen=True, kw_only=True)
class Guess(FoldRecipe):
    """Guesses, a share of which is right.

    Args:
        luck: another number guesses anew.
        skill: the share of rows whose class is known.
        broken: whether it fails.
    """

    luck: float = 0.5
    skill: float = 0.0
    broken: bool = False

    def fit(self, fold):
        if self.broken:
            raise ValueError("broken as asked")
        rows, classes = fold.predicted(), len(fold.classes)
        drawn = np.random.default_rng([round(self.luck * 1e6), fold.seed])
        guessed = drawn.integers(classes, size=len(rows))
        known = np.random.default_rng(fold.seed).random(len(rows)) < self.skill
        return (0.1 + np.eye(classes)[np.where(known, fold.labels[rows], guessed)]).astype(np.float32)


@recipe(space="skill=0..1")
def guess():
    """Knows nothing."""
    return Guess()


@recipe
def pixels():
    """On 6x6 pixels."""
    return LogisticRegression(size=(6, 6), c=1e-4, iterations=20)


@recipe
def both():
    """Both."""
    return Blend(of=("guess", "pixels"))


default = pixels
'''


@pytest.fixture
def guesses(insects: Workspace) -> Workspace:
    """The insects with these recipes, on four folds."""
    folder = insects.competition("insects")
    (folder / "recipes.py").write_text(RECIPES)
    declaration = folder / "competition.py"
    edit(declaration, "KFold(2)", "KFold(4)")
    return insects
