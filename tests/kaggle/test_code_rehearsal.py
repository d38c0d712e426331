"""The dress rehearsal of a code competition: from drawn pictures to the score on images that nobody has seen."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.api import LoadedCompetition
from harness.utils.workspace import Workspace
from tests.kaggle.code_stub import CodeStub
from tests.kaggle.kernels import CLASSES, pets, pets_competition, run_version, with_tests
from tests.runs.test_predict import CLOSE

NAMES = [f"secret-{number}" for number in range(30)]


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.parametrize("recipe", ["mean", "network"])
def test_train_push_run_and_score(workspace: Workspace, code_stub: CodeStub, harness, tmp_path: Path, recipe: str):
    public = pets(tmp_path / "organiser")
    hidden = tmp_path / "hidden"
    shutil.copytree(public, hidden)
    with_tests(hidden, NAMES, first=9000, size=(24, 24))
    pets_competition(workspace, public)
    ran: list[Path] = []

    def run(version: dict[str, Any]) -> tuple[str, str]:
        done, _ = run_version(version, public, tmp_path / f"public-run-{len(code_stub.kernels)}")
        return "ERROR" if done.returncode else "COMPLETE", done.stdout + done.stderr

    def score_of(version: dict[str, Any]) -> str | None:
        done, file = run_version(version, hidden, tmp_path / "hidden-run")
        ran.append(file)
        return None if done.returncode else score_text(file)

    code_stub.run, code_stub.score_of = run, score_of
    settings = ("--set", "epochs=4", "--set", "tta=hflip", "--set", "folds=1") if recipe == "network" else ()
    assert harness("train", "pets", recipe, *settings).code == 0
    done = harness("kernel", "pets", recipe, "--push")
    assert done.code == 0, done.err
    (file,) = ran
    assert f"public score {float(score_text(file)):g}" in done.out
    assert log_loss(file) < np.log(len(CLASSES)), "it predicts better than chance"
    predicted = LoadedCompetition(workspace, "pets").predict(recipe, hidden / "test")
    by_id = {row[0]: [*map(float, row[1:])] for row in rows_of(file)}
    found = [by_id[name.removesuffix(".png")] for name in predicted.ids]
    np.testing.assert_allclose(found, predicted.probabilities, atol=CLOSE, rtol=0)
    listed = harness("submissions", "pets")
    assert listed.code == 0 and f"harness-pets-{recipe}.ipynb" in listed.out and "complete" in listed.out


def rows_of(file: Path) -> list[list[str]]:
    return [*csv.reader(file.read_text().splitlines())][1:]


def score_text(file: Path) -> str:
    return f"{log_loss(file):.5f}"


def log_loss(file: Path) -> float:
    """By the organiser's own answers: the pictures' classes take turns."""
    right = [float(row[1 + NAMES.index(row[0]) % len(CLASSES)]) for row in rows_of(file)]
    assert len(right) == len(NAMES)
    return float(-np.mean(np.log(np.clip(right, 1e-15, 1))))
