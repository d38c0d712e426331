"""Boards of several labels an image, from the organiser's files to CSVs scored as the organiser would."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score, log_loss, roc_auc_score

from harness.api import LoadedCompetition
from harness.utils.workspace import Workspace
from tests.boards.drawing import declare, lines_of, quarters, submit, table
from tests.conftest import write_image
from tests.runs.test_export import ISOLATED

NAMES = ("7", "31", "105", "2048")
COUNT = 90


def truth() -> np.ndarray:
    """Which of four quarters are bright: (COUNT, 4); some pictures show none."""
    return (np.random.default_rng(0).random((COUNT, 4)) < (0.6, 0.4, 0.3, 0.15)).astype(int)


@pytest.fixture(scope="module")
def museum(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lists of attributes, as in imet-2020; the same as columns, with a patient, in ``columns.csv``."""
    folder, shown = tmp_path_factory.mktemp("museum"), truth()
    for number, row in enumerate(shown):
        write_image(folder / "train" / f"{number:04x}.png", quarters(row, number))
    for number in range(6):
        write_image(folder / "test" / f"t{number}.png", quarters(shown[number], 1000 + number))
    lists = [" ".join(NAMES[label] for label in np.flatnonzero(row)) for row in shown]
    table(folder / "train.csv", "id,attribute_ids", [(f"{n:04x}", text) for n, text in enumerate(lists)])
    table(folder / "sample_submission.csv", "id,attribute_ids", [(f"t{n}", "7 31") for n in (3, 1, 2, 0, 5, 4)])
    rows = [(f"{n:04x}", *row, f"p{n // 2}") for n, row in enumerate(shown)]
    table(folder / "columns.csv", "id,7,31,105,2048,patient", rows)
    table(folder / "columns_sample.csv", "id,2048,105,31,7", [(f"t{n}", 0, 0, 0, 0) for n in range(6)])
    return folder


LISTS = """
    readers=(Table(label="attribute_ids", path="train/{id}.png", test_path="test/{id}.png", empty=True),),
    targets=Multilabel(),
    metric="micro_f1",
    submission=SubmissionFormat(id_column="id", value_column="attribute_ids", value="labels"),
"""
COLUMNS = """
    readers=(
        Table(
            csv="columns.csv",
            label=("7", "31", "105", "2048"),
            path="train/{id}.png",
            sample="columns_sample.csv",
            test_path="test/{id}.png",
            group="patient",
        ),
    ),
    targets=Multilabel(),
    metric="METRIC",
    submission=SubmissionFormat(id_column="id", value="columns", decimals=15),
"""


def test_lists_by_micro_f1(workspace: Workspace, museum: Path):
    made = declare(workspace, museum, LISTS)
    assert lines_of(workspace) <= 25
    found = submit(made, "blend")
    assert found.header == ["id", "attribute_ids"] and {*found.test} == {f"t{number}" for number in range(6)}
    assert {name for cells in found.test.values() for name in cells[0].split(" ") if name} <= set(NAMES)
    true = truth()[[int(name, 16) for name in found.holdout]]
    given = np.array([[name in cells[0].split(" ") for name in NAMES] for cells in found.holdout.values()])
    assert found.score == pytest.approx(f1_score(true, given, average="micro"), abs=1e-9)
    assert found.score > 0.8
    kept = made.artifacts.run_of("blend").metrics()["holdout"]
    assert kept["score"] == pytest.approx(found.score, abs=1e-9) and "top1" not in kept
    report = (made.artifacts.run_of("blend").folder / "report-holdout.txt").read_text()
    assert all(name in report for name in NAMES)


@pytest.mark.parametrize("metric", ["mean_column_auc", pytest.param("log_loss", marks=pytest.mark.slow)])
def test_columns_with_patients(workspace: Workspace, museum: Path, metric: str):
    made = declare(workspace, museum, COLUMNS.replace("METRIC", metric))
    found = submit(made, "blend")
    order = ["2048", "105", "31", "7"]  # the sample's
    assert found.header == ["id", *order]
    assert {int(name, 16) // 2 for name in found.holdout} & {
        int(name, 16) // 2 for name in made.artifacts.folds.ids
    } == set()
    true = truth()[[int(name, 16) for name in found.holdout]][:, ::-1]
    given = np.array([[float(cell) for cell in cells] for cells in found.holdout.values()])
    wanted = {
        "mean_column_auc": lambda: roc_auc_score(true, given, average="macro"),
        "log_loss": lambda: np.mean([log_loss(true[:, n], given[:, n], labels=[0, 1]) for n in range(4)]),
    }[metric]()
    assert found.score == pytest.approx(wanted, abs=1e-9)
    assert not np.allclose(given.sum(axis=1), 1)


ENSEMBLES = """
@recipe
def decided():
    return Thresholded(of="blend", per_label=PER_LABEL)


@recipe
def climbed():
    return HillClimb(of=("coarse", "fine"))


@recipe
def stacked():
    return Stacked(of=("coarse", "fine"), c=1.0)
"""


def test_thresholds_ensembles_page_and_new_images(workspace: Workspace, museum: Path):
    """Everything made of the predictions of several labels, in one workspace."""
    macro = LISTS.replace("micro_f1", "macro_f1")
    made = declare(workspace, museum, macro, ENSEMBLES.replace("PER_LABEL", "True"))
    found = submit(made, "decided")
    true = truth()[[int(name, 16) for name in found.holdout]]
    given = np.array([[name in cells[0].split(" ") for name in NAMES] for cells in found.holdout.values()])
    assert found.score == pytest.approx(f1_score(true, given, average="macro"), abs=1e-9)
    thresholds = json.loads((made.artifacts.run_of("decided").folder / "blend.json").read_text())
    assert len(thresholds["fitted"]["thresholds"]) == 4 and thresholds["in_sample"] >= thresholds["honest"]
    for name in ("climbed", "stacked"):
        made.perform(made.artifacts.choose([name]))
        predictions = made.artifacts.predictions(name)["out_of_fold"].probabilities
        assert predictions.min() >= 0 and predictions.max() <= 1 and not np.allclose(predictions.sum(axis=1), 1)
        assert made.artifacts.run_of(name).metrics()["holdout"]["score"] > 0.7
    competition = LoadedCompetition(workspace, "board")
    new = competition.predict("decided", museum / "test")
    kept = made.artifacts.predictions("decided")["test"]
    assert np.allclose(new.of(tuple(f"{name}.png" for name in kept.ids)), kept.probabilities, atol=1e-5)
    page = competition.report("decided").read_text()
    assert "Each label by itself" in page and "wrongly given" in page and "top-1" not in page
    assert set(competition.images["label"].dropna().unique()) >= {"none", "7"}


@pytest.mark.slow
def test_an_exported_folder_says_the_labels_that_predict_says(workspace: Workspace, museum: Path, tmp_path: Path):
    declare(workspace, museum, LISTS)
    competition = LoadedCompetition(workspace, "board")
    competition.train("blend")
    competition.export("blend", tmp_path / "exported")
    command = [sys.executable, "-I", "-c", ISOLATED, tmp_path / "exported" / "predict.py", museum / "test"]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    header, *rows = csv.reader(done.stdout.splitlines())
    expected = competition.predict("blend", museum / "test")
    assert header == ["id", "labels", *expected.classes] and len(rows) == 6
    for name, labels, *_ in rows:
        (row,) = expected.of((name,))
        said = [label for label, value in zip(expected.classes, row, strict=True) if value >= 0.5]
        assert labels == (", ".join(said) or "none")
    assert any(", " in labels for _, labels, *_ in rows)
