"""Caches of what is computed from every image: their format, how they are built, opened and verified."""
