"""Places on a board of known points."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UserError
from harness.metrics import METRICS
from harness.scoring.leaderboard import Leaderboard, Point

HIGHER, LOWER = METRICS["accuracy"], METRICS["log_loss"]


def board(metric, *points: tuple[int | None, float]) -> Leaderboard:
    return Leaderboard(tuple(Point(rank, score, "", "") for rank, score in points), metric)


@pytest.mark.parametrize(
    ("score", "place", "words"),
    [
        (0.99, (1, 1), "place 1"),
        (0.95, (1, 1), "place 1"),
        (0.94, (2, 5), "between place 2 and 5"),
        (0.93, (2, 5), "between place 2 and 5"),
        (0.92, (6, 6), "place 6"),
        (0.90, (6, 6), "place 6"),
        (0.10, (7, 0), "below place 6, the last one known"),
    ],
)
def test_a_place_lies_between_the_known_points(score, place, words):
    known = board(HIGHER, (1, 0.95), (5, 0.93), (6, 0.90), (None, 0.99))
    assert known.place(score) == place and known.words(score) == words
    mirrored = board(LOWER, (6, 0.10), (1, 0.05), (5, 0.07))
    assert mirrored.place(round(1 - score, 6)) == place


def test_an_empty_board_gives_no_place(tmp_path: Path):
    assert Leaderboard.load(tmp_path / "none.csv", HIGHER).words(0.5) is None
    file = tmp_path / "leaderboard.csv"
    file.write_text("rank,score,kind,source\n")
    assert Leaderboard.load(file, HIGHER).words(0.5) is None


def test_a_board_is_read_and_a_bad_line_is_named(tmp_path: Path):
    file = tmp_path / "leaderboard.csv"
    file.write_text('rank,score,kind,source\n1,0.5,published,"a, b"\n,0.4,published,c\n')
    assert Leaderboard.load(file, HIGHER).points == (
        Point(1, 0.5, "published", "a, b"),
        Point(None, 0.4, "published", "c"),
    )
    file.write_text("rank,score,kind,source\n1,0.5,x,y\nfirst,0.5,x,y\n")
    with pytest.raises(UserError, match="line 3"):
        Leaderboard.load(file, HIGHER)
