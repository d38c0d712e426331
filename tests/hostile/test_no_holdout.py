"""No hold-out at all: labelled training images, unlabelled test images, and a CSV for the organiser."""

from __future__ import annotations

from harness import load
from harness.plugins.scaffold import create
from tests.conftest import RECIPES, draw


def test_a_competition_without_a_hold_out_is_trained_reported_and_submitted(workspace, class_folders, harness, save):
    photos = class_folders(root=workspace.root / "photos" / "train")
    for number in range(5):
        save(photos.parent / "test" / f"{number}.png", draw(number % 3, 900 + number))
    create(workspace, "insects", photos.parent)
    folder = workspace.competition("insects")
    (folder / "recipes.py").write_text(RECIPES)
    text = (folder / "competition.py").read_text()
    (line,) = [line for line in text.splitlines() if line.strip().startswith("holdout=")]
    (folder / "competition.py").write_text(text.replace(line, "    holdout=None,").replace("KFold(5)", "KFold(2)"))
    done = harness("submit", "insects")
    assert done.code == 0, done.err
    (csv,) = workspace.submissions("insects").glob("blend-*.csv")
    assert len(csv.read_text().splitlines()) == 6
    for command in ("status", "runs", "leaderboard"):
        assert harness(command, "insects").code == 0
    assert harness("report", "insects", "blend").code == 0
    assert harness("lint", "insects", csv).code == 0
    score = harness("score", "insects", csv)
    assert score.code == 2 and "Traceback" not in score.err


def test_nothing_to_submit_is_told_before_training(insects, harness):
    path = insects.competition("insects") / "competition.py"
    text = path.read_text()
    (line,) = [line for line in text.splitlines() if line.strip().startswith("holdout=")]
    path.write_text(text.replace(line, "    holdout=None,"))
    told = harness("submit", "insects")
    assert told.code == 2 and "nothing to submit" in told.err and not insects.runs("insects").exists()
    trained = harness("train", "insects", "coarse")
    assert trained.code == 0 and "next: harness report insects coarse/" in trained.out
    assert harness(*trained.out.strip().rpartition("next: harness ")[2].split()).code == 0
    assert harness("runs", "insects").code == 0
    status = harness("status", "insects")
    assert status.code == 0 and "coarse" in status.out
    assert load("insects", workspace=insects.root).train("coarse").scores is not None
