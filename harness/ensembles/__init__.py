"""Combining recipes' predictions, and telling honestly what that gains: pure functions on arrays."""
