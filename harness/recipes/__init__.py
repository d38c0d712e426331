"""Recipes: ways from images to predictions, declared in a competition's ``recipes.py``."""

from harness.recipes.blend import Blend
from harness.recipes.calibrated import Calibrated
from harness.recipes.feature_regression import FeatureRegression
from harness.recipes.fine_tune import FineTune
from harness.recipes.hill_climb import HillClimb
from harness.recipes.logistic_regression import LogisticRegression
from harness.recipes.network import Network
from harness.recipes.recipe import recipe
from harness.recipes.seeds import seeds
from harness.recipes.snapshots import snapshots
from harness.recipes.soup import Soup
from harness.recipes.stacked import Stacked
from harness.recipes.thresholded import Thresholded

__all__ = [
    "Blend",
    "Calibrated",
    "FeatureRegression",
    "FineTune",
    "HillClimb",
    "LogisticRegression",
    "Network",
    "Soup",
    "Stacked",
    "Thresholded",
    "recipe",
    "seeds",
    "snapshots",
]
