"""Kaggle downloads, submissions and leaderboards. Kaggle's own client runs in a separate process."""
