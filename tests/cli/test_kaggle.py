"""What of the commands about Kaggle needs no Kaggle: the local leaderboard."""

from __future__ import annotations

from harness.utils.workspace import Workspace


def test_the_board_shows_ones_own_runs_among_the_known_points(submitted: Workspace, harness):
    (submitted.competition("insects") / "leaderboard.csv").write_text(
        "rank,score,kind,source\n1,0.999,any,the best\n90,0.0001,any,the last\n100,,teams,somewhere\n"
    )
    shown = harness("leaderboard", "insects")
    assert shown.code == 0
    for told in (
        "accuracy, higher is better",
        "100 teams; by Kaggle's rules gold to rank 10, silver to rank 20",
        "the best",
        "the last",
        "blend (",
        "fine (",
        "~ ",
    ):
        assert told in shown.out
    assert shown.out.index("the best") < shown.out.index("fine (") < shown.out.index("the last")
    scored = harness("score", "insects").out
    assert "rank: not known from 7 images" in scored and "of 100" in scored and "the interval spans" in scored


def test_commands_of_kaggle_need_a_kaggle_competition(insects: Workspace, harness):
    for command in (("download",), ("submissions",), ("leaderboard", "--download"), ("submit", "--upload")):
        refused = harness(command[0], "insects", *command[1:])
        assert refused.code == 2 and "no Kaggle competition" in refused.err and "slug=" in refused.err
