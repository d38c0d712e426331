"""Boards that ask for a row of which several images are: two eyes by their paths, views of a breast by a column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, f1_score, log_loss

from harness.data.dataset import Dataset
from harness.data.readers import Table
from harness.utils.errors import UserError
from harness.utils.workspace import Workspace
from tests.boards.drawing import declare, quarters, submit, table
from tests.conftest import table as table_of_images
from tests.conftest import write_image

COUNT = 48
EYES = """
    readers=(
        Table(
            path=("train/{id}_left.png", "train/{id}_right.png"),
            test_path=("test/{id}_left.png", "test/{id}_right.png"),
        ),
    ),
    metric="log_loss",
    submission=SubmissionFormat(value="probabilities", decimals=15),
"""
VIEWS = """
    readers=(
        Table(
            id="image_id",
            label="cancer",
            path="train/{patient_id}/{image_id}.png",
            test_csv="test.csv",
            test_path="test/{patient_id}/{image_id}.png",
            row="prediction_id",
            joined="max",
            group="patient_id",
        ),
    ),
    metric="macro_f1",
    submission=SubmissionFormat(id_column="prediction_id", value_column="cancer"),
"""


def eyes(folder: Path) -> dict[str, str]:
    truth = {}
    for number in range(COUNT + 6):
        part, label = ("train", number % 3) if number < COUNT else ("test", number % 3)
        for side, seed in (("left", 0), ("right", 1)):
            write_image(folder / part / f"{number}_{side}.png", quarters(np.eye(4)[label], 2 * number + seed))
        truth[str(number)] = "abc"[label]
    table(folder / "train.csv", "id,label", [(number, truth[str(number)]) for number in range(COUNT)])
    table(folder / "sample_submission.csv", "id,a,b,c", [(number, 0, 0, 1) for number in (52, 48, 49, 53, 51, 50)])
    return truth


def test_two_images_a_row_by_their_paths(workspace: Workspace, tmp_path: Path):
    truth = eyes(tmp_path / "files")
    made = declare(workspace, tmp_path / "files", EYES)
    found, dataset = submit(made, "blend"), made.artifacts.dataset
    assert [*found.test] == ["52", "48", "49", "53", "51", "50"] and found.header == ["id", "a", "b", "c"]
    given = np.array([[float(cell) for cell in cells] for cells in found.holdout.values()])
    given /= given.sum(axis=1, keepdims=True)  # as Kaggle does
    assert found.score == pytest.approx(log_loss([truth[name] for name in found.holdout], given), abs=1e-9)
    assert len(dataset) == 2 * (COUNT + 6) and dataset.counts()["holdout"] == 2 * len(found.holdout)
    # Both images of a row are in one fold, and out of fold there is a row of each.
    fold_of = dict(zip(made.artifacts.folds.ids, made.artifacts.folds.assignment[:, 0].tolist(), strict=True))
    assert all(fold_of[name] == fold_of[f"{name} (2)"] for name in fold_of if not name.endswith("(2)"))
    out_of_fold = made.artifacts.predictions("coarse")["out_of_fold"]
    assert len(out_of_fold.ids) == COUNT - len(found.holdout) and {*out_of_fold.ids}.isdisjoint(found.holdout)
    np.testing.assert_allclose(out_of_fold.probabilities.sum(axis=1), 1, atol=1e-6)


DECIDED = """
@recipe
def decided():
    return Thresholded(of="blend")
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["Ordinal", "Multilabel"])
def test_thresholds_are_fitted_to_rows_not_to_images(workspace: Workspace, tmp_path: Path, kind: str):
    truth = eyes(tmp_path / "files")
    metric, value = {"Ordinal": ("quadratic_weighted_kappa", "class"), "Multilabel": ("macro_f1", "labels")}[kind]
    settings = EYES.replace('metric="log_loss"', f'targets={kind}(),\n    metric="{metric}"')
    settings = settings.replace('value="probabilities", decimals=15', f'value="{value}"')
    table(tmp_path / "files" / "sample_submission.csv", "id,label", [(number, "a") for number in range(48, 54)])
    made = declare(workspace, tmp_path / "files", settings, DECIDED)
    found = submit(made, "decided")
    true = [truth[name] for name in found.holdout]
    given = [cells[0] for cells in found.holdout.values()]
    if kind == "Ordinal":
        wanted = cohen_kappa_score(true, given, weights="quadratic", labels=["a", "b", "c"])
    else:
        marks = ([[name in cell.split() for name in "abc"] for cell in cells] for cells in (true, given))
        wanted = f1_score(*marks, average="macro", zero_division=0)
    assert found.score == pytest.approx(wanted, abs=1e-9) and wanted > 0.5
    out_of_fold = made.artifacts.predictions("decided")["out_of_fold"]
    assert len(out_of_fold.ids) == COUNT - len(found.holdout) and not any("(2)" in name for name in out_of_fold.ids)


def test_rows_by_a_column(workspace: Workspace, tmp_path: Path):
    """Two or three views of each side of a patient; the row's answer is the most alarming view's."""
    folder, lines, tests, truth, image = tmp_path / "files", [], [], {}, 0
    for number in range(COUNT + 8):
        part, row, patient = ("train" if number < COUNT else "test"), f"{number // 2}_{'LR'[number % 2]}", number // 2
        truth[row] = str(number % 2)
        for _ in range(2 + number % 2):
            image += 1
            write_image(folder / part / str(patient) / f"{image}.png", quarters(np.eye(4)[number % 2], image))
            line = (patient, image, row)
            (lines if number < COUNT else tests).append((*line, truth[row]) if number < COUNT else line)
    table(folder / "train.csv", "patient_id,image_id,prediction_id,cancer", lines)
    table(folder / "test.csv", "patient_id,image_id,prediction_id", tests)
    names = [*dict.fromkeys(row for *_, row in tests)][::-1]
    table(folder / "sample_submission.csv", "prediction_id,cancer", [(name, 0) for name in names])
    made = declare(workspace, folder, VIEWS)
    found = submit(made, "coarse")
    assert [*found.test] == names
    given = [cells[0] for cells in found.holdout.values()]
    assert found.score == pytest.approx(
        f1_score([truth[row] for row in found.holdout], given, average="macro"), abs=1e-9
    )
    patients = {row.partition("_")[0] for row in found.holdout}
    assert patients.isdisjoint({name.partition("_")[0] for name in made.artifacts.folds.ids})
    table(folder / "train.csv", "patient_id,image_id,prediction_id,cancer", [*lines[:-1], (*lines[-1][:3], "2")])
    with pytest.raises(UserError, match="1 values of 'prediction_id' have lines of unlike labels"):
        made.competition.readers[0].listing(folder)
    table(folder / "test.csv", "patient_id,image_id,prediction_id", tests[:-3])
    with pytest.raises(UserError, match=r"1 ids of sample_submission.csv are not in column 'prediction_id'"):
        Table._test_ids(made.competition.readers[0], folder)
        made.competition.readers[0]._test_rows(folder, names)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20), st.sampled_from(["mean", "max"]), st.integers(0, 99))
def test_joining_is_a_mean_or_a_maximum_of_each_row(row_of: list[int], joined: str, seed: int):
    random = np.random.default_rng(seed)
    n = len(row_of)
    first_of = np.array([row_of.index(row) for row in row_of])
    images = table_of_images(None, np.arange(n) % 2, ["train"] * n)
    dataset = Dataset(**vars(images) | {"first_of": first_of, "joined": joined})
    rows = random.permutation(n)
    predictions = random.dirichlet((1, 1), n)
    ids, found = dataset.join(rows, predictions)
    wanted = pd.DataFrame(predictions).groupby(first_of[rows]).agg(joined)
    wanted = wanted.div(wanted.sum(axis=1), axis=0)
    assert ids == tuple(dataset.ids[first] for first in wanted.index)
    np.testing.assert_allclose(found, wanted.to_numpy())
    assert dataset.row_ids("train") == tuple(dataset.ids[first] for first in sorted(set(first_of)))
