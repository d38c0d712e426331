"""Combining recipes' predictions and measuring the honest gain: pure functions on arrays."""
