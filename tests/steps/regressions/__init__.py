"""What each step gives for small drawn data, in numbers: see ``tests/steps/results.py``."""
