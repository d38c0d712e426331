"""Recipes: ways from images to predictions, declared in a competition's ``recipes.py``."""

from harness.recipes.blend import Blend
from harness.recipes.features import FeatureRegression
from harness.recipes.logistic import LogisticRegression
from harness.recipes.network import Network
from harness.recipes.recipe import recipe

__all__ = ["Blend", "FeatureRegression", "LogisticRegression", "Network", "recipe"]
