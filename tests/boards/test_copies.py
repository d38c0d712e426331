"""Copies of Kaggle's boards: each from the organiser's files, by a short declaration, to a CSV that it would accept.

The local score of the hold-out's CSV must be the board's formula, written apart from the harness, to 1e-9.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.data.readers import ClassFolders
from harness.pipeline.graph import Pipeline
from harness.plugins import loading
from harness.plugins.guessed import Choices
from harness.plugins.scaffold import create
from harness.utils.workspace import Workspace
from tests.boards.copies import BOARDS, Board, check
from tests.boards.drawing import RECIPES, declare, lines_of, submit
from tests.conftest import draw

MORE = {
    "coarse": "",
    "decided": """
@recipe
def decided():
    return Thresholded(of="coarse")
""",
    "known": """
@recipe
def known():
    return LogisticRegression(size=(2, 2), c=1.0, iterations=50, columns=("*",))
""",
}
# The others take a minute together: make test-boards.
QUICK = ("hotel-id-2021",)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in BOARDS]
)
def test_a_board(workspace: Workspace, tmp_path: Path, name: str):
    board, files = BOARDS[name], tmp_path / "files"
    truth = board.draw(files)
    made = declare(workspace, board.given(files), board.settings, MORE[board.recipe])
    accepted_and_scored(made, board, files, truth)


@pytest.mark.slow
@pytest.mark.parametrize("name", BOARDS)
def test_a_board_that_harness_new_finds(workspace: Workspace, tmp_path: Path, name: str):
    board, files = BOARDS[name], tmp_path / "files"
    truth = board.draw(files)
    metric = re.search(r'metric="(.*?)"', board.settings)
    assert metric is not None
    group = "patient_id" if 'group="patient_id"' in board.settings else None
    create(workspace, "board", board.given(files), Choices(metric=metric[1], group=group))
    recipes = RECIPES.format(more=MORE[board.recipe])
    (workspace.competition("board") / "recipes.py").write_text(recipes)
    accepted_and_scored(Pipeline(workspace, loading.load(workspace, "board")), board, files, truth)


def accepted_and_scored(made: Pipeline, board: Board, files: Path, truth: dict) -> None:
    """A strict checker accepts the CSV of the test, and the board's own formula scores that of the hold-out."""
    assert lines_of(made.workspace) <= 25
    found = submit(made, board.recipe)
    assert check(board, files / "sample_submission.csv", found.header, found.test) == []
    # Training ids that are test ids too have their folder before them.
    known = [truth[key if key in truth else key.removeprefix("train/")] for key in found.holdout]
    wanted = board.official(known, [*found.holdout.values()], found.header)
    assert found.score == pytest.approx(wanted, abs=1e-9)
    metric = made.artifacts.run_of(board.recipe).metrics()["holdout"]
    assert metric["score"] == pytest.approx(wanted, abs=1e-4)
    assert len(found.holdout) > 10


def test_test_images_are_called_as_the_organiser_calls_them(tmp_path: Path, save):
    for path in ("train/a/1.png", "train/b/2.png", "test/3.png"):
        save(tmp_path / path, draw(0, 0))
    names = [
        [row.id for row in ClassFolders("train", None, "test", ids, labelled).listing(tmp_path).rows]
        for ids, labelled in (("path", "path"), ("name", "path"), ("name", "name"))
    ]
    assert names[0] == ["train/a/1.png", "train/b/2.png", "test/3.png"]
    assert names[1:] == [["train/a/1.png", "train/b/2.png", "3.png"], ["1.png", "2.png", "3.png"]]
