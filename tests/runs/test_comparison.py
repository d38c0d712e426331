"""Runs side by side."""

from __future__ import annotations

import csv

import pytest

from harness.api import LoadedCompetition
from harness.utils.workspace import Workspace


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
