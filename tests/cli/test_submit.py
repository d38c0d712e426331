"""The commands about submissions: scoring and linting a CSV."""

from __future__ import annotations

import os

from harness.kaggle.ledger import Entry, Ledger
from harness.plugins.scaffold import create
from harness.scoring.lint import digest
from harness.utils.files import read_json, write_json
from harness.utils.workspace import Workspace
from tests.conftest import RECIPES, edit


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
        "1 ids are not expected",
        "1 ids occur more than once",
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


def test_the_csv_that_is_scored_is_that_of_the_run_that_finished_last_whatever_the_files_times(
    submitted: Workspace, harness
):
    (first,) = submitted.submissions("insects").glob("*.csv")
    assert harness("submit", "insects", "--set", "c=0.5").code == 0
    (second,) = (file for file in submitted.submissions("insects").glob("*.csv") if file != first)
    os.utime(first)  # now the newest file
    for run in submitted.runs("insects").glob("*/*/run.json"):  # nor does it count what a clock said
        record = read_json(run)
        write_json(run, record | {"finished": f"20{99 - record['sequence']}-01-01T00:00:00+00:00"})
    assert f"file: submissions/insects/{second.name}" in harness("score", "insects").out
    second.unlink()
    assert f"file: submissions/insects/{first.name}" in harness("score", "insects").out


def test_files_say_what_they_are_for_and_the_test_has_no_local_score(workspace, class_folders, harness, tmp_path):
    photos = tmp_path / "photos"
    class_folders(root=photos / "train")
    for number in range(6):
        (photos / "test").mkdir(exist_ok=True)
        (photos / "train" / "ants" / f"{number}.png").rename(photos / "test" / f"unknown-{number}.png")
    create(workspace, "bugs", photos)
    (workspace.competition("bugs") / "recipes.py").write_text(RECIPES)
    declaration = workspace.competition("bugs") / "competition.py"
    edit(declaration, "KFold(5)", "KFold(2)")
    assert harness("submit", "bugs", "--recipe", "coarse").code == 0
    test, holdout = sorted(workspace.submissions("bugs").glob("*.csv"), reverse=True)
    assert test.name.endswith("-test.csv") and holdout.name == test.name.replace("-test", "-holdout")
    assert harness("score", "bugs", holdout).code == 0 and holdout.name in harness("score", "bugs").out
    told = harness("score", "bugs", test)
    assert told.code == 2 and "unlabelled test set" in told.err and "the 6 test images" in told.err
    assert f"harness score bugs {holdout}" in told.err
    other = tmp_path / "other.csv"
    other.write_text("id,label\nno-such-image,ants\n")
    told = harness("score", "bugs", other)
    assert told.code == 2 and "unlabelled" not in told.err and "1 ids are not expected (no-such-image)" in told.err
