"""Ages, sexes and sites beside pixels: from the organiser's tables through folds and keys to new images."""

from __future__ import annotations

import csv
import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.api import LoadedCompetition
from harness.pipeline.graph import Pipeline
from harness.pipeline.prepared import Options
from harness.plugins import loading
from harness.utils.errors import UserError
from harness.utils.workspace import Workspace
from tests.boards.copies import BOARDS
from tests.boards.drawing import declare, submit
from tests.boards.test_copies import MORE
from tests.runs.test_export import ISOLATED

MOLES = BOARDS["siim-isic-melanoma"]
MIXED = """
@recipe
def mixed():
    return Blend(of=("known", "coarse"))
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> LoadedCompetition:
    """The board with a blend of a recipe that reads its columns and one that does not."""
    folder = tmp_path_factory.mktemp("moles")
    (folder / "workspace" / "competitions").mkdir(parents=True)
    MOLES.draw(folder / "files")
    made = declare(Workspace(folder / "workspace"), folder / "files", MOLES.settings, MORE["known"] + MIXED)
    submit(made, "mixed")
    return LoadedCompetition(made.workspace, "board")


def listed(competition: LoadedCompetition, file: Path, leave_out: tuple[str, ...] = ()) -> Path:
    """A CSV of the test images, backwards, with the columns of the organiser's ``test.csv``."""
    files = competition.pipeline.artifacts.source[1]
    tests = pd.read_csv(files / "test.csv", dtype=str, keep_default_na=False)
    tests["path"] = [str(files / "jpeg" / "test" / f"{name}.jpg") for name in tests["image_name"]]
    tests.rename(columns={"image_name": "id"}).drop(columns=[*leave_out])[::-1].to_csv(file, index=False)
    return file


def test_new_images_are_predicted_with_their_columns(trained: LoadedCompetition, tmp_path: Path):
    kept = trained.pipeline.artifacts.predictions("mixed")["test"]
    found = trained.predict("mixed", listed(trained, tmp_path / "list.csv"))
    assert found.ids != kept.ids
    np.testing.assert_allclose(found.of(kept.ids), kept.probabilities, atol=1e-6)
    changed = pd.read_csv(tmp_path / "list.csv", dtype=str, keep_default_na=False).assign(sex="unheard of")
    changed.to_csv(tmp_path / "list.csv", index=False)
    assert np.abs(trained.predict("mixed", tmp_path / "list.csv").of(kept.ids) - kept.probabilities).max() > 1e-4
    with pytest.raises(UserError, match="come without the columns sex, which the model reads") as told:
        trained.predict("mixed", listed(trained, tmp_path / "list.csv", ("sex",)))
    assert "path,age_approx,sex,anatom_site_general_challenge" in told.value.fix
    folder = trained.pipeline.artifacts.source[1] / "jpeg" / "test"
    with pytest.raises(UserError, match="come without the columns age_approx, sex, anatom"):
        trained.predict("known", folder)
    assert len(trained.predict("coarse", folder).ids) == 6


def test_a_changed_cell_makes_only_those_again_that_read_it(trained: LoadedCompetition):
    def keys() -> dict[str, str]:
        made = Pipeline(trained.workspace, loading.load(trained.workspace, "board"), Options()).artifacts
        return {"folds": made.folds_key, **{name: made.run_of(name).key for name in ("coarse", "known", "mixed")}}

    before, file = keys(), trained.pipeline.artifacts.source[1] / "train.csv"
    text = file.read_text()
    try:
        file.write_text(text.replace(",female,", ",male,", 1))
        after = keys()
    finally:
        file.write_text(text)
    assert {name for name in before if before[name] != after[name]} == {"known", "mixed"}
    assert keys() == before


def test_a_kernel_that_would_need_columns_is_refused(trained: LoadedCompetition, tmp_path: Path):
    declaration = trained.workspace.competition("board") / "competition.py"
    text = declaration.read_text()
    declaration.write_text(text.replace('title="Board"', 'title="Board", slug="board"'))
    try:
        with pytest.raises(UserError, match="mixed reads columns of the table, which a kernel cannot find yet"):
            LoadedCompetition(trained.workspace, "board").kernel("mixed", tmp_path / "kernel")
        LoadedCompetition(trained.workspace, "board").kernel("coarse", tmp_path / "kernel")
    finally:
        declaration.write_text(text)


@pytest.mark.parametrize(
    ("changes", "problem", "fix"),
    [
        (
            {"numbers": ("age_aprox",)},
            "no column 'age_aprox' that is neither ids nor labels. Did you mean age",
            "correct the name",
        ),
        ({"test_csv": None}, "not where those of test images are", "test_csv="),
        ({"categories": ("benign_malignant",)}, "has no column 'benign_malignant'; what is not known", "leave it out"),
        ({"categories": ("age_*",)}, "both numbers and categories: age_approx", "correct the reader"),
        ({"numbers": ("sex",), "categories": ()}, "'sex' holds 52 cells that are not finite numbers", "leave them"),
    ],
)
def test_columns_that_do_not_fit_are_told(trained: LoadedCompetition, changes: dict, problem: str, fix: str):
    reader = dataclasses.replace(trained.declaration.readers[0], **changes)
    with pytest.raises(UserError) as told:
        reader.listing(trained.pipeline.artifacts.source[1])
    assert problem in told.value.what and fix in told.value.fix


@pytest.mark.slow
def test_an_exported_folder_reads_the_columns_alone(trained: LoadedCompetition, tmp_path: Path):
    trained.export("mixed", tmp_path / "exported")
    images = listed(trained, tmp_path / "list.csv")
    command = [sys.executable, "-I", "-c", ISOLATED, tmp_path / "exported" / "predict.py", images]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    _, *rows = csv.reader(done.stdout.splitlines())
    kept = trained.pipeline.artifacts.predictions("mixed")["test"]
    found = {Path(name).stem: [float(cell) for cell in cells] for name, _, *cells in rows}
    np.testing.assert_allclose([found[name] for name in kept.ids], kept.probabilities, atol=1e-5)
