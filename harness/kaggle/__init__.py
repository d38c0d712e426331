"""Kaggle at arm's length: its own client runs in a process of its own, and only a submission's reference is trusted."""
