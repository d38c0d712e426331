"""Which board counts: Kaggle's downloaded one, else the known points."""

from __future__ import annotations

from pathlib import Path

from harness.kaggle.board import board
from harness.utils.workspace import Workspace
from tests.conftest import declared


def test_a_downloaded_board_takes_the_place_of_the_known_points(workspace: Workspace, tmp_path: Path):
    (tmp_path / "leaderboard.csv").write_text("rank,score,kind,source\n1,0.5,x,y\n")
    competition = declared(folder=tmp_path)
    assert board(workspace, competition).points[0].score == 0.5
    file = workspace.data("insects") / "leaderboard.csv"
    file.parent.mkdir(parents=True)
    file.write_text("rank,score,kind,source\n1,0.9,x,y\n")
    assert board(workspace, competition).points[0].score == 0.9
