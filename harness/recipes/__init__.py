"""Recipes: ways from images to predictions, declared in a competition's ``recipes.py``."""

from harness.recipes.blend import Blend, Calibrated, Greedy, Stacked
from harness.recipes.features import FeatureRegression
from harness.recipes.finetune import FineTune
from harness.recipes.logistic import LogisticRegression
from harness.recipes.network import Network
from harness.recipes.recipe import recipe
from harness.recipes.repeat import repeat
from harness.recipes.snapshots import snapshots
from harness.recipes.soup import Soup

__all__ = [
    "Blend",
    "Calibrated",
    "FeatureRegression",
    "FineTune",
    "Greedy",
    "LogisticRegression",
    "Network",
    "Soup",
    "Stacked",
    "recipe",
    "repeat",
    "snapshots",
]
