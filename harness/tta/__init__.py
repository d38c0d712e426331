"""Test-time augmentation: the views, and what they are worth."""
