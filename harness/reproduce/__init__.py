"""Reproducing the published experiments, and the page of results."""
