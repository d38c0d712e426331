"""Boards of ordered classes and of a number, from the organiser's files to CSVs scored as the organiser would."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, mean_absolute_error, root_mean_squared_error

from harness.api import LoadedCompetition
from harness.utils.errors import UserError
from harness.utils.workspace import Workspace
from tests.boards.drawing import declare, lines_of, quarters, submit, table
from tests.conftest import write_image

COUNT = 90


def brightness() -> np.ndarray:
    """How bright the pictures are: (COUNT,) from 0 to 1."""
    return np.random.default_rng(1).random(COUNT) ** 1.5


@pytest.fixture(scope="module")
def eyes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Grades 0…4 as in aptos2019, and the brightness itself as a number."""
    folder, shown = tmp_path_factory.mktemp("eyes"), brightness()
    for number, value in enumerate(shown):
        write_image(folder / "train" / f"{number:012x}.png", quarters(np.full(4, value), number))
    for number in range(4):
        write_image(folder / "test" / f"t{number}.png", quarters(np.full(4, shown[number]), 1000 + number))
    rows = [(f"{n:012x}", int(5 * value), f"{100 * value:.6f}") for n, value in enumerate(shown)]
    table(folder / "train.csv", "id_code,diagnosis,pressure", rows)
    table(folder / "sample_submission.csv", "id_code,diagnosis", [(f"t{n}", 0) for n in range(4)])
    return folder


GRADES = """
    readers=(Table(id="id_code", label="diagnosis", path="train/{id}.png", test_path="test/{id}.png"),),
    targets=Ordinal(),
    metric="quadratic_weighted_kappa",
    submission=SubmissionFormat(id_column="id_code", value_column="diagnosis", value="class"),
"""
DECIDED = """
@recipe
def decided():
    return Thresholded(of="fine")
"""
NUMBERS = """
    readers=(Table(id="id_code", label="pressure", path="train/{id}.png", test_path="test/{id}.png"),),
    targets=Regression(),
    metric="METRIC",
    submission=SubmissionFormat(id_column="id_code", value_column="diagnosis", value="quantity", decimals=9),
"""
STACKED = """
@recipe
def stacked():
    return Stacked(of=("coarse", "fine"), c=1.0)
"""


def test_grades_by_kappa(workspace: Workspace, eyes: Path):
    made = declare(workspace, eyes, GRADES, DECIDED)
    assert lines_of(workspace) <= 25
    found = submit(made, "decided")
    true = [int(5 * brightness()[int(name, 16)]) for name in found.holdout]
    given = [int(cells[0]) for cells in found.holdout.values()]
    wanted = cohen_kappa_score(true, given, weights="quadratic", labels=range(5))
    assert found.score == pytest.approx(wanted, abs=1e-9) and wanted > 0.9
    assert {cells[0] for cells in found.test.values()} <= set("01234")
    probabilities = made.artifacts.predictions("decided")["holdout"].probabilities
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    pages = [LoadedCompetition(workspace, "board").report(name).read_text() for name in ("decided", "fine")]
    # A decided grade has a probability of nearly 1: what can be believed is what was there before.
    cells = r'<td class="n">(0\.\d{3})</td><td class="n">([01]\.\d{3})</td>'
    errors, tables = ([re.findall(one, page) for page in pages] for one in (r"calibration error: (\S+)\. ", cells))
    assert len(errors[0]) == 1 and errors[0] == errors[1] and tables[0] == tables[1] and len(tables[0]) > 2
    assert ["those of fine, before thresholds decide" in page for page in pages] == [True, False]


@pytest.mark.parametrize("metric", ["rmse", pytest.param("mae", marks=pytest.mark.slow)])
def test_numbers(workspace: Workspace, eyes: Path, metric: str):
    made = declare(workspace, eyes, NUMBERS.replace("METRIC", metric), STACKED)
    assert lines_of(workspace) <= 25
    found = submit(made, "stacked")
    true = [round(100 * brightness()[int(name, 16)], 6) for name in found.holdout]
    given = [float(cells[0]) for cells in found.holdout.values()]
    wanted = {"rmse": root_mean_squared_error, "mae": mean_absolute_error}[metric](true, given)
    assert found.score == pytest.approx(wanted, abs=1e-9)
    assert wanted < np.std(true) / 3
    competition = LoadedCompetition(workspace, "board")
    page = competition.report("stacked").read_text()
    assert "Errors, prediction less label" in page and "top-1" not in page
    new = competition.predict("stacked", eyes / "test")
    kept = made.artifacts.predictions("stacked")["test"]
    assert np.allclose(new.of(tuple(f"{name}.png" for name in kept.ids)), kept.probabilities, rtol=1e-4)
    assert "R²" in (made.artifacts.run_of("stacked").folder / "report-holdout.txt").read_text()


def test_a_number_that_is_none_is_refused(workspace: Workspace, eyes: Path):
    settings = NUMBERS.replace("METRIC", "rmse").replace('"pressure"', '"id_code"')
    with pytest.raises(UserError, match="labels are not finite numbers"):
        _ = declare(workspace, eyes, settings).artifacts.dataset
