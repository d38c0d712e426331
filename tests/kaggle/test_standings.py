"""One's own runs among the known points."""

from __future__ import annotations

from pathlib import Path

from harness.kaggle.ledger import Entry
from harness.kaggle.standings import OwnRun, comparable, kind_of, own_runs, rows, shown
from harness.plugins import loading
from harness.recipes import FeatureRegression
from harness.scoring.leaderboard import Leaderboard, Point
from harness.scoring.metrics import METRICS, Interval
from harness.utils.files import write_json
from harness.utils.workspace import Workspace

LOWER = METRICS["error"]


def run(name: str, holdout: float | None, kind: str = "from scratch", **changes) -> OwnRun:
    made = {"key": "0123456789", "out_of_fold": None, "public": None, "images": 400}
    score = changes.get("out_of_fold") if holdout is None else holdout
    low, high = changes.pop("ends", (score, score))
    return OwnRun(recipe=name, kind=kind, holdout=holdout, interval=Interval(score, low, high), **(made | changes))


def test_runs_stand_among_the_points_by_their_hold_out_score():
    points = (Point(1, 0.1, "pretrained", "a"), Point(2, 0.3, "from scratch", "b"), Point(None, 0.2, "published", "c"))
    found = rows(Leaderboard(points, LOWER), [run("good", 0.15, out_of_fold=0.5), run("bad", None, out_of_fold=0.4)])
    assert [row[1] for row in found] == ["a", "good (01234567)", "c", "b", "bad (01234567)"]
    assert found[1] == ["~ 2; 1 from scratch", "good (01234567)", "0.15", "0.5", "", "from scratch", True]
    assert found[4][0] == "> 2; > 1 from scratch"


def test_a_board_of_one_kind_or_without_ranks_tells_no_second_place():
    one = Leaderboard((Point(1, 0.1, "any", "a"), Point(9, 0.3, "any", "b")), LOWER)
    assert rows(one, [run("mine", 0.2)])[1][0] == "~ 6"
    assert rows(Leaderboard((Point(None, 0.1, "any", "a"),), LOWER), [run("mine", 0.2)])[1][0] == ""


def test_a_long_board_is_shown_at_its_top_its_end_and_near_ones_own_runs():
    points = tuple(Point(rank, rank / 1000, "any", f"team {rank}") for rank in range(1, 301))
    known = Leaderboard(points, LOWER, teams=300)
    found = rows(known, [run("mine", 0.0405)])
    told = [row[1] for row in shown(found)]
    assert told == [
        *(f"team {rank}" for rank in range(1, 11)), "", "team 39", "team 40", "mine (01234567)", "team 41", "team 42",
        "", "team 300",
    ]  # fmt: skip
    assert found[40][0] == "~ 41, silver" and shown(found[:20]) == found[:20]


def test_a_rank_is_told_with_what_is_known_of_it():
    points = tuple(Point(rank, rank / 1000, "any", f"team {rank}") for rank in range(1, 301))
    known = Leaderboard(points, LOWER, teams=300)

    def told(**changes) -> str:
        (own,) = (row for row in rows(known, [run("mine", 0.0405, **changes)]) if row[-1])
        return own[0]

    assert told(ends=(0.0305, 0.0495)) == "~ 41 (31 to 50), silver"
    assert told(ends=(0.0305, 0.0705)) == "~ 41 (31 to 71)"
    assert told(ends=(0.0305, 0.2005)) == "31 to 201" == told(ends=(0.0305, 0.2005), images=12)
    assert told(ends=(0.0305, 0.0495), images=12) == "31 to 50"


def test_finished_runs_are_found_and_smoke_is_left_out(insects: Workspace, harness):
    assert harness("submit", "insects").code == 0
    recipes, _ = loading.recipes(loading.load(insects, "insects"))
    sent = [Entry(time="", slug="", file="", sha256="", recipe="fine", run="?", public=0.5)]
    found = own_runs(insects.runs("insects"), "accuracy", recipes, sent)
    assert sorted(one.recipe for one in found) == ["blend", "coarse", "fine"]
    assert all(one.holdout is not None and one.out_of_fold is not None for one in found)
    assert {one.public for one in found} == {None}
    (key,) = (one.key for one in found if one.recipe == "fine")
    (fine,) = (o for o in own_runs(insects.runs("insects"), "accuracy", recipes, [
        Entry(time="", slug="", file="", sha256="", recipe="fine", run=key, public=0.5)
    ]) if o.recipe == "fine")  # fmt: skip
    assert fine.public == 0.5
    assert own_runs(insects.runs("insects"), "log_loss", recipes, []) == []
    assert harness("train", "insects", "coarse", "--smoke").code == 0
    assert len([*insects.runs("insects").glob("coarse/*/run.json")]) == 2
    assert len(own_runs(insects.runs("insects"), "accuracy", recipes, [])) == 3


def test_a_public_score_stays_though_a_later_line_of_the_run_has_none(insects: Workspace, harness):
    competition = insects.competition("insects")
    assert competition.is_dir() and harness("train", "insects", "fine").code == 0
    recipes, _ = loading.recipes(loading.load(insects, "insects"))
    (key,) = (folder.name for folder in (insects.runs("insects") / "fine").iterdir() if folder.is_dir())
    lines = [
        Entry(time="", slug="", file=str(number), sha256=str(number), recipe="fine", run=key, public=public)
        for number, public in enumerate((0.9, None))
    ]
    (found,) = own_runs(insects.runs("insects"), "accuracy", recipes, lines)
    assert found.public == 0.9


def test_a_blend_is_pretrained_where_a_member_is(insects: Workspace):
    recipes, _ = loading.recipes(loading.load(insects, "insects"))
    assert kind_of("blend", recipes) == "from scratch" and kind_of("gone", recipes) == ""
    recipes["fine"] = FeatureRegression(backbone="efficientnet-lite0")
    assert kind_of("blend", recipes) == "pretrained" and kind_of("coarse", recipes) == "from scratch"


def test_scores_of_other_hold_outs_are_not_compared(tmp_path: Path):
    def finished(key: str, sequence: int, data: str, metric: str, score: float) -> Entry:
        about = {"made_from": key, "sequence": sequence, "dataset": data}
        write_json(tmp_path / "net" / key / "run.json", about)
        write_json(tmp_path / "net" / key / "metrics.json", {"splits": {"holdout": {"metric": metric, "score": score}}})
        return Entry(time="", slug="pets", file=key, sha256=key, recipe="net", run=key, holdout=0.999)

    sent = [
        finished("now", 4, "grouped", "error", 0.1),
        finished("leaky", 1, "before", "error", 0.01),
        finished("other", 2, "grouped", "accuracy", 0.9),
        finished("also", 3, "grouped", "error", 0.2),
        Entry(time="", slug="pets", file="gone", sha256="gone", recipe="net", run="gone", holdout=0.001),
    ]
    found = comparable(sent, tmp_path, "error")
    assert [(entry.run, entry.holdout) for entry in found] == [("now", 0.1), ("also", 0.2)]
    assert comparable(sent[-1:], tmp_path, "error") == []
