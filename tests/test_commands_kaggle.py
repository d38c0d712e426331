"""What of the commands about submissions needs no Kaggle: linting and the local leaderboard."""

from __future__ import annotations

import pytest

from harness.scoring.ledger import Entry, Ledger
from harness.scoring.lint import digest
from harness.workspace import Workspace


@pytest.fixture
def submitted(insects: Workspace, harness) -> Workspace:
    assert harness("submit", "insects").code == 0
    return insects


def test_a_good_csv_has_no_defect_and_a_bad_one_has_all_of_them_told(submitted: Workspace, harness):
    (file,) = submitted.submissions("insects").glob("*.csv")
    good = harness("lint", "insects", file)
    assert good.code == 0 and "no defect, for the 7 hold-out images" in good.out
    lines = file.read_text().splitlines()
    file.write_text("\ufeff" + "\n".join([lines[0], *lines[2:], "=1+1,bees", lines[3].replace(",", ",very ")]) + "\n")
    bad = harness("lint", "insects", file)
    assert bad.code == 2 and "warning: 1 cells would run as formulas" in bad.out
    for told in (
        "byte order mark",
        "1 ids are missing",
        "1 ids are not asked for",
        "1 ids stand there twice",
        "'very ",
    ):
        assert told in bad.err
    assert harness("lint", "insects", "none.csv").code == 2


def test_a_file_sent_before_is_told_and_the_ledger_is_no_submission(submitted: Workspace, harness):
    (file,) = submitted.submissions("insects").glob("*.csv")
    scored = harness("score", "insects").out
    entry = Entry(
        time="2026", slug="", file=file.name, sha256=digest(file), recipe="blend", run="", status="complete", public=0.5
    )
    Ledger(file.with_name("ledger.csv")).append(entry)
    told = harness("lint", "insects", file)
    assert told.code == 2 and "sent before: complete, public score 0.5" in told.err
    assert harness("score", "insects").out == scored


def test_the_board_shows_ones_own_runs_among_the_known_points(submitted: Workspace, harness):
    (submitted.competition("insects") / "leaderboard.csv").write_text(
        "rank,score,kind,source\n1,0.999,any,the best\n90,0.0001,any,the last\n100,,teams,somewhere\n"
    )
    shown = harness("leaderboard", "insects")
    assert shown.code == 0
    for told in (
        "accuracy, higher is better",
        "100 teams; by Kaggle's rules gold to place 10, silver to place 20",
        "the best",
        "the last",
        "blend (",
        "fine (",
        "~ ",
    ):
        assert told in shown.out
    assert shown.out.index("the best") < shown.out.index("fine (") < shown.out.index("the last")
    scored = harness("score", "insects").out
    assert "place: about place" in scored and "of 100" in scored and "the interval spans" in scored


def test_commands_of_kaggle_need_a_kaggle_competition(insects: Workspace, harness):
    for command in (("download",), ("submissions",), ("leaderboard", "--download"), ("submit", "--upload")):
        refused = harness(command[0], "insects", *command[1:])
        assert refused.code == 2 and "no Kaggle competition" in refused.err and "slug=" in refused.err
