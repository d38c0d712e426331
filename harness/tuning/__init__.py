"""Searches: which settings of a recipe are best, found by Optuna, and what that is worth on rows it did not see."""
