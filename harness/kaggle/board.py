"""A competition's leaderboard: the one downloaded from Kaggle, or else the points that come with the competition."""

from __future__ import annotations

from pathlib import Path

from harness.competition import Competition
from harness.scoring.leaderboard import Leaderboard
from harness.scoring.metrics import METRICS
from harness.utils.workspace import Workspace


def downloaded(workspace: Workspace, competition: Competition) -> Path:
    """The file for the leaderboard downloaded from Kaggle."""
    return workspace.data(competition.name) / "leaderboard.csv"


def board(workspace: Workspace, competition: Competition) -> Leaderboard:
    """A competition's leaderboard: the downloaded one if it exists, else the known points."""
    full = downloaded(workspace, competition)
    path = full if full.is_file() else competition.folder / "leaderboard.csv"
    return Leaderboard.load(path, METRICS[competition.metric])
