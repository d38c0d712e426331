"""Places on a board of known points, and medals."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.scoring.leaderboard import Leaderboard, Point, Standing, medals
from harness.scoring.metrics import METRICS, Interval
from harness.utils.errors import UserError
from tests.conftest import CHECKOUT

HIGHER, LOWER = METRICS["accuracy"], METRICS["log_loss"]


def made(metric, *points: tuple[int | None, float], teams: int | None = None) -> Leaderboard:
    return Leaderboard(tuple(Point(rank, score, "", "") for rank, score in points), metric, teams)


@pytest.mark.parametrize(
    ("score", "best", "worst", "rank", "words"),
    [
        (0.99, 1, 1, 1, "rank 1"),
        (0.95, 1, 1, 1, "rank 1"),
        (0.94, 2, 5, 4, "about rank 4 (interpolated between 2 and 5)"),
        (0.949, 2, 5, 2, "about rank 2 (interpolated between 2 and 5)"),
        (0.93, 2, 5, 5, "about rank 5 (interpolated between 2 and 5)"),
        (0.92, 6, 6, 6, "rank 6"),
        (0.90, 6, 6, 6, "rank 6"),
        (0.10, 7, 0, None, "below rank 6, the last one known"),
    ],
)
def test_a_place_lies_between_the_known_points(score, best, worst, rank, words):
    known = made(HIGHER, (1, 0.95), (5, 0.93), (6, 0.90), (None, 0.99))
    assert known.standing(score) == Standing(best, worst, rank, None) and str(known.standing(score)) == words
    mirrored = made(LOWER, (6, 0.10), (1, 0.05), (5, 0.07))
    assert mirrored.standing(round(1 - score, 6)) == known.standing(score)


@given(
    points=st.dictionaries(st.integers(1, 900), st.floats(0, 1, allow_subnormal=False), min_size=1, max_size=12),
    scores=st.lists(st.floats(0, 1, allow_subnormal=False), min_size=2, max_size=2),
)
def test_a_better_score_never_has_a_worse_place(points, scores):
    ranked = zip(sorted(points), sorted(points.values(), reverse=True), strict=True)
    known = made(HIGHER, *ranked, teams=1000)
    better, worse = (known.standing(score) for score in sorted(scores, reverse=True))
    assert (better.rank or better.best) <= (worse.rank or worse.best)
    for standing in (better, worse):
        assert standing.best <= (standing.rank or standing.best) <= standing.worst <= 1000


def test_with_the_number_of_teams_there_are_a_percentile_and_a_medal():
    known = made(HIGHER, (1, 0.95), (10, 0.92), (11, 0.91), (40, 0.90), (100, 0.80), teams=200)
    assert str(known.standing(0.92)) == (
        "about rank 10 of 200 (interpolated between 2 and 10), top 5.0 %, gold by Kaggle's rules"
    )
    assert [known.standing(score).medal for score in (0.91, 0.90, 0.85, 0.80)] == ["silver", "silver", "bronze", None]
    assert "below rank 100 of 200" in str(known.standing(0.1)) and known.standing(0.1).medal is None
    last = made(HIGHER, (1, 0.95), (200, 0.1), teams=200)
    assert last.standing(0.05) == Standing(200, 200, 200, 200)


@pytest.mark.parametrize(
    ("teams", "last"),
    [(99, (9, 19, 39)), (100, (10, 20, 40)), (215, (10, 43, 86)), (231, (10, 46, 92)), (250, (10, 50, 100)),
     (999, (11, 50, 100)), (1000, (12, 50, 100)), (1314, (12, 65, 131)), (5000, (20, 250, 500)), (3, (0, 0, 1))],
)  # fmt: skip
def test_medals_are_kaggles(teams, last):
    assert tuple(medals(teams).values()) == last


def test_an_interval_spans_places():
    known = made(LOWER, (1, 0.05), (11, 0.10), (21, 0.20))
    assert known.span(Interval(0.10, 0.06, 0.15)) == (4, 17)
    assert "about rank 11" not in known.words(Interval(0.10, 0.06, 0.15), 400)
    assert "the interval spans ranks 4 to 17" in known.words(Interval(0.10, 0.06, 0.15), 400)
    assert "the interval spans rank 17 and worse" in known.words(Interval(0.30, 0.15, 0.40), 400)
    mirrored = made(HIGHER, (1, 0.95), (11, 0.90), (21, 0.80))
    assert mirrored.span(Interval(0.90, 0.85, 0.94)) == (4, 17)


@pytest.mark.parametrize(
    ("ends", "images", "words"),
    [
        ((0.04, 0.06), 400, "rank 5 of 100, top 5.0 %, gold by Kaggle's rules; the interval spans ranks 4 to 6 of 100"),
        ((0.04, 0.13), 400, "rank 5 of 100, top 5.0 %; the interval spans ranks 4 to 13 of 100: gold to silver"),
        ((0.04, 0.45), 400, "rank 5 of 100, top 5.0 %; the interval spans ranks 4 to 45 of 100: gold to no medal"),
        ((0.04, 0.80), 400, "not known: the interval spans ranks 4 to 80 of 100"),
        ((0.04, 0.06), 68, "not known from 68 images, fewer than 100; the interval spans ranks 4 to 6 of 100"),
    ],
)
def test_no_more_is_said_of_a_rank_than_is_known(ends, images, words):
    points = [(rank, rank / 100) for rank in range(1, 101)]
    assert made(LOWER, *points, teams=100).words(Interval(0.05, *ends), images) == words
    mirrored = made(HIGHER, *((rank, -score) for rank, score in points), teams=100)
    assert mirrored.words(Interval(-0.05, -ends[1], -ends[0]), images) == words


def test_kinds_have_places_of_their_own_where_every_place_is_known():
    points = (Point(1, 0.2, "pretrained", ""), Point(2, 0.3, "scratch", ""), Point(3, 0.4, "scratch", ""))
    known = Leaderboard(points, LOWER)
    assert known.of_kind("scratch").standing(0.25).rank == 1 and known.standing(0.25).rank == 2
    assert known.of_kind("other") is None
    assert Leaderboard(points[1:], LOWER).of_kind("scratch") is None


@pytest.mark.parametrize("score", [float("nan"), float("inf"), float("-inf")])
def test_a_score_that_is_no_number_has_no_rank(score: float):
    board = made(LOWER, (1, 0.01), (2, 0.2), teams=2)
    assert board.standing(score) is None
    assert board.words(Interval(score, score, score, "bootstrap"), 1_000) is None


def test_an_empty_board_gives_no_place(tmp_path: Path):
    assert Leaderboard.load(tmp_path / "none.csv", HIGHER).standing(0.5) is None
    file = tmp_path / "leaderboard.csv"
    file.write_text("rank,score,kind,source\n")
    assert Leaderboard.load(file, HIGHER).words(Interval(0.5, 0.4, 0.6), 400) is None


def test_a_board_is_read_and_a_bad_line_is_named(tmp_path: Path):
    file = tmp_path / "leaderboard.csv"
    file.write_text('rank,score,kind,source\n231,,teams,d\n1,0.5,published,"a, b"\n,0.4,published,c\n')
    known = Leaderboard.load(file, HIGHER)
    assert known.points == (Point(1, 0.5, "published", "a, b"), Point(None, 0.4, "published", "c"))
    assert known.teams == 231
    file.write_text("rank,score,kind,source\n1,0.5,x,y\nfirst,0.5,x,y\n")
    with pytest.raises(UserError, match="line 3"):
        Leaderboard.load(file, HIGHER)


def test_the_boards_of_kaggle_know_their_teams_and_medals():
    for name, teams, score, medal in (("dogs_vs_cats", 1314, 0.0380, "gold"), ("cifar10", 231, 0.9554, "gold")):
        metric = LOWER if name == "dogs_vs_cats" else HIGHER
        known = Leaderboard.load(CHECKOUT / "competitions" / name / "leaderboard.csv", metric)
        assert known.teams == teams and known.standing(score).medal == medal
    redux = Leaderboard.load(CHECKOUT / "competitions/dogs_vs_cats/leaderboard.csv", LOWER)
    assert [redux.standing(score).medal for score in (0.05038, 0.06127, 0.0613)] == ["silver", "bronze", None]
