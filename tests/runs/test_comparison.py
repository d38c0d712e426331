"""Runs side by side."""

from __future__ import annotations

import csv
from pathlib import Path

import h5py
import pytest

from harness.api import LoadedCompetition
from harness.runs.comparison import mark_pareto
from harness.utils.files import read_json, write_json
from harness.utils.versions import STEPS
from harness.utils.workspace import Workspace
from tests.conftest import draw, edit


def test_runs_are_told_apart_by_what_was_changed_and_the_best_comes_first(insects: Workspace, harness):
    none = harness("runs", "insects")
    assert none.code == 2 and "no finished runs" in none.err
    competition = LoadedCompetition(insects, "insects")
    runs = [competition.train("coarse"), competition.train("coarse", c=0.5, iterations=1), competition.train("blend")]
    table = harness("runs", "insects")
    assert table.code == 0 and "c=0.5 iterations=1" in table.out
    header, *rows = csv.reader(harness("runs", "insects", "--csv").out.splitlines())
    found = [dict(zip(header, row, strict=True)) for row in rows]
    assert [row["recipe"] for row in found] == ["coarse", "coarse", "fine", "blend"]
    assert [row["changed"] for row in found] == ["", "c=0.5 iterations=1", "", ""]
    for run in runs:
        (row,) = (row for row in found if row["run"] == run.key)
        for split in ("out_of_fold", "holdout"):
            assert float(row[split]) == pytest.approx(run.scores.loc[split, "score"])
    _, *by_score = csv.reader(harness("runs", "insects", "--csv", "--sort", "holdout").out.splitlines())
    scores = [float(row[header.index("holdout")]) for row in by_score]
    assert scores == sorted(scores, reverse=True)


@pytest.fixture
def three_runs(insects: Workspace) -> LoadedCompetition:
    """One recipe twice, of which the second run is hardly trained, and another recipe."""
    competition = LoadedCompetition(insects, "insects")
    competition.train("coarse")
    competition.train("coarse", c=0.5, iterations=1)
    competition.train("fine")
    return competition


def test_gains_are_over_the_best_run_on_the_rows_that_both_have(three_runs: LoadedCompetition):
    rows = three_runs.compare("out_of_fold")
    best, *others = rows
    assert best["verdict"] == "best" and best["gain"] is None
    for row in others:
        assert row["gain"] == pytest.approx(row["out_of_fold"] - best["out_of_fold"], abs=1e-9) and row["gain"] <= 0
        assert row["gain_low"] <= row["gain"] <= row["gain_high"] and row["verdict"] in ("worse", "within noise")
    assert {row["state"] for row in rows} == {"up to date"}


@pytest.mark.parametrize("higher", [True, False])
def test_the_pareto_front_is_of_runs_that_none_beats_in_both_score_and_time(higher: bool):
    scores = {
        "fast": (1, 0.5),
        "slow and worse": (2, 0.4),
        "as good, later": (3, 0.5),
        "best": (9, 0.9),
        "none": (0, None),
    }
    sign = 1 if higher else -1
    rows = [
        {"recipe": name, "seconds_in_all": took, "out_of_fold": score and sign * score}
        for name, (took, score) in reversed(scores.items())
    ]
    mark_pareto(rows, higher)
    assert [row["recipe"] for row in rows if row["pareto"]] == ["best", "fast"]


def test_the_time_of_a_blend_has_that_of_its_members_and_of_their_caches(three_runs: LoadedCompetition):
    three_runs.train("blend")
    for file in three_runs.workspace.cache("insects").glob("images-*.h5"):
        with h5py.File(file, "r+") as cache:  # a fast machine rounds it to none
            cache.attrs["seconds"] = 2.0
    rows = {row["recipe"]: row for row in three_runs.compare("out_of_fold", gains=False) if not row["changed"]}
    members = sum(rows[name]["seconds"] for name in ("coarse", "fine"))
    in_all = members + rows["blend"]["seconds"] + 2 * 2.0
    assert rows["blend"]["seconds_in_all"] == pytest.approx(in_all, abs=0.05), "and the images had to be decoded"


def test_a_run_whose_caches_are_gone_is_on_no_front(three_runs: LoadedCompetition, insects: Workspace, harness):
    for file in insects.cache("insects").glob("images-*.h5"):
        file.unlink()
    rows = three_runs.compare("out_of_fold", gains=False)
    assert not any(row["pareto"] or row["is_all"] for row in rows)
    assert "over " in harness("runs", "insects").out


def test_a_run_of_other_data_or_of_an_older_step_is_stale(
    three_runs: LoadedCompetition, insects: Workspace, monkeypatch: pytest.MonkeyPatch, harness
):
    three_runs.train("blend")
    with monkeypatch.context() as patched:
        patched.setitem(STEPS, "averages", STEPS["averages"]._replace(version=99))
        states = {row["recipe"]: row["state"] for row in LoadedCompetition(insects, "insects").compare()}
        assert states == {"coarse": "up to date", "fine": "up to date", "blend": "stale"}
    with monkeypatch.context() as patched:  # an older version's scores are renewed: one score has one interval
        file = next(insects.runs("insects").glob("coarse/*/metrics.json"))
        kept = read_json(file)
        kept["splits"]["holdout"]["low"] = 0.0123
        write_json(file, kept)
        patched.setitem(STEPS, "evaluation", STEPS["evaluation"]._replace(version=99))
        rows = LoadedCompetition(insects, "insects").compare(gains=False)
        assert {row["state"] for row in rows if row["recipe"] != "blend"} == {"up to date"}
        assert 0.0123 not in {row["holdout_low"] for row in rows}
    declaration = insects.competition("insects") / "competition.py"
    edit(declaration, "KFold(2)", "KFold(3)")
    LoadedCompetition(insects, "insects").train("fine")
    states = [(row["recipe"], row["state"]) for row in LoadedCompetition(insects, "insects").compare()]
    assert states[-1] == ("fine", "up to date") and {state for _, state in states[:-1]} == {"stale"}
    assert "stale" in harness("runs", "insects").out


def test_the_best_run_is_one_of_the_classes_that_there_are(three_runs: LoadedCompetition, insects: Workspace):
    (folder,) = (Path(read_json(file)["folder"]) for file in (insects.root / "data").glob("insects/source.json"))
    (folder / "bees").rename(folder / "hornets")
    for file in insects.runs("insects").glob("*/*/metrics.json"):
        kept = read_json(file)
        kept["splits"]["out_of_fold"]["score"] = 1.5
        write_json(file, kept)
    renamed = LoadedCompetition(insects, "insects")
    key = renamed.train("coarse").key
    rows = {row["run"]: (row["verdict"], row["gain"]) for row in renamed.compare()}
    assert rows.pop(key) == ("best", None) and {*rows.values()} == {("", None)}


def test_what_differs_between_two_runs_is_told(three_runs: LoadedCompetition, harness):
    first, second, fine = (f"{row['recipe']}/{row['run']}" for row in three_runs.compare())
    found = three_runs.diff(first, second)
    assert found.settings == [("c", 0.01, 0.5), ("iterations", 20, 1)]
    assert found.made_from == found.versions == []
    scores = [record.scores["out_of_fold"]["score"] for record in (found.before, found.after)]
    assert found.gains["out_of_fold"].gain == pytest.approx(scores[1] - scores[0], abs=1e-9)
    # The shares found by class add up to the accuracy.
    hits = sum(one.images * (one.after - one.before) for one in found.classes)
    assert hits == pytest.approx((scores[1] - scores[0]) * found.before.scores["out_of_fold"]["rows"], abs=1e-6)
    told = harness("diff", "insects", first, second)
    assert told.code == 0 and "iterations" in told.out and "gain of coarse/" in told.out
    assert "inputs" not in told.out
    assert "inputs" in harness("diff", "insects", first, fine).out  # other caches
    same = harness("diff", "insects", first, first).out
    assert "the same settings, data and versions" in same and "+0.0000 (+0.0000 to +0.0000), within noise" in same
    assert harness("diff", "insects", first, "nothing").code == 2


def test_of_two_kinds_only_the_settings_that_both_have_are_compared(three_runs: LoadedCompetition):
    three_runs.train("blend")
    settings = three_runs.diff("coarse", "blend").settings
    assert [name for name, *_ in settings] == ["kind"]  # a blend has no penalty


def test_status_and_leaderboard_tell_runs_apart_by_what_was_changed(three_runs: LoadedCompetition, harness):
    status = harness("status", "insects").out
    assert "other finished runs:" in status
    assert "c=0.5 iterations=1" in status.split("other finished runs:")[1]
    assert "c=0.5 iterations=1" in harness("leaderboard", "insects").out


def test_runs_are_scored_by_the_metric_that_there_is_now(three_runs: LoadedCompetition, insects: Workspace, harness):
    declaration = insects.competition("insects") / "competition.py"
    declaration.write_text(declaration.read_text().replace('"accuracy"', '"macro_f1"'))
    said = harness("runs", "insects")
    assert said.err.count("was scored by another metric, and is scored again") == 3 and "macro F1" in said.out


def test_runs_of_other_classes_or_of_another_metric_are_not_compared(
    three_runs: LoadedCompetition, insects: Workspace, harness, class_folders, save
):
    (record,) = insects.runs("insects").glob("fine/*/metrics.json")
    kept, photos = record.read_bytes(), insects.root / "data"
    declaration = insects.competition("insects") / "competition.py"
    edit(declaration, '"accuracy"', '"macro_f1"')
    (folder,) = (Path(read_json(file)["folder"]) for file in photos.glob("insects/source.json"))
    for number in range(8):
        save(folder / "aphids" / f"{number}.png", draw(0, 900 + number))
    assert harness("prepare", "insects").code == 0
    for command in (("runs", "insects"), ("status", "insects"), ("report", "insects")):
        done = harness(*command)
        assert done.code in (0, 2) and "Traceback" not in done.err, done.err
    assert record.read_bytes() == kept, "its labels are not those of today"
    rows = LoadedCompetition(insects, "insects").compare("out_of_fold")
    assert [row["out_of_fold"] for row in rows] == [None] * 3, "by another metric"
    told = harness("report", "insects", "fine")
    assert told.code == 2 and "was made of other images or classes" in told.err
    done = harness("diff", "insects", "coarse", "fine")
    assert done.code == 0 and "0." not in done.out.partition("macro F1")[2], done.out
    folder.rename(folder.with_name("elsewhere"))
    assert harness("runs", "insects").code == 0
