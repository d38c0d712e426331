"""Test images that are added to the data folder: finished runs predict these alone, and nothing else is made again."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from harness.data.splits import TEST
from harness.pipeline import added
from harness.pipeline.graph import UP_TO_DATE
from harness.utils.errors import UserError
from harness.utils.files import read_json, write_json
from harness.utils.workspace import Workspace
from tests.conftest import create_insects, draw, edit, pipeline, stamps


def made(root: Path, photos: Path) -> Workspace:
    (root / "competitions").mkdir(parents=True)
    workspace = Workspace(root)
    create_insects(workspace, photos)
    return workspace


def submitted(workspace: Workspace) -> tuple[set[str], list[str]]:
    """What was made for a submission, and the lines of the test's CSV."""
    made_now = pipeline(workspace)
    made_now.perform(made_now.artifacts.choose([]), submit="blend")
    files = made_now.artifacts.submission_files("blend")
    return {*made_now.took}, files[TEST].read_text().splitlines() if TEST in files else []


@pytest.fixture
def photos(class_folders, tmp_path: Path, save) -> Path:
    folder = tmp_path / "photos"
    class_folders(root=folder / "train")
    for number in range(5):
        save(folder / "test" / f"{number}.png", draw(number % 3, 100 + number))
    return folder


def test_added_test_images_are_predicted_alone_and_as_if_they_had_been_there(photos: Path, tmp_path: Path, save):
    workspace = made(tmp_path / "workspace", photos)
    _, lines = submitted(workspace)
    runs = {name: stamp for name, stamp in stamps(workspace.root).items() if "runs/" in name or "cache" in name}
    for number in (5, 6):
        save(photos / "test" / f"{number}.png", draw(number % 3, 100 + number))
    took, more = submitted(workspace)
    assert took == {"added test images", "submission"}
    assert more[: len(lines)] == lines and [line.split(",")[0] for line in more[len(lines) :]] == [
        "test/5.png",
        "test/6.png",
    ]
    after = stamps(workspace.root)
    assert {name: after[name] for name in runs} == runs
    made_now = pipeline(workspace)
    steps = made_now.steps(made_now.artifacts.choose([]), "blend")
    assert {step.state() for step in steps} == {UP_TO_DATE} and submitted(workspace) == (set(), more)

    # The oracle: a workspace that had them from the start.
    other = made(tmp_path / "other", photos)
    assert submitted(other)[1] == more
    whole = pipeline(other).artifacts.predictions("blend")[TEST]
    found = added.kept(made_now.artifacts, "blend")
    assert found is not None and np.allclose(found.probabilities, whole.of(("test/5.png", "test/6.png")), atol=1e-6)

    # And once more, before the others: the first additions stay what they are, and the CSV is in the files' order.
    save(photos / "test" / "3a.png", draw(1, 107))
    assert submitted(workspace)[1] == [*more[:5], submitted(workspace)[1][5], *more[5:]]
    added_now = pipeline(workspace).artifacts.dataset
    assert added_now.added is not None and added_now.added.ids == ("test/5.png", "test/6.png", "test/3a.png")
    names = ("0", "1", "2", "3", "3a", "4", "5", "6")
    assert added_now.row_ids(TEST) == tuple(f"test/{name}.png" for name in names)


def test_added_images_stay_so_where_only_the_times_of_files_change(photos: Path, tmp_path: Path, save):
    workspace = made(tmp_path / "workspace", photos)
    submitted(workspace)
    save(photos / "test" / "1a.png", draw(1, 105))
    _, lines = submitted(workspace)
    for file in photos.rglob("*.png"):
        file.touch()
    assert submitted(workspace) == (set(), lines)
    assert pipeline(workspace).artifacts.dataset.added is not None


def test_a_table_that_an_older_version_kept_gets_the_order_of_the_files(photos: Path, tmp_path: Path, save):
    workspace = made(tmp_path / "workspace", photos)
    submitted(workspace)
    save(photos / "test" / "1a.png", draw(1, 105))
    _, lines = submitted(workspace)
    table = workspace.data("insects") / "dataset.json"
    kept = read_json(table)
    assert kept is not None and kept.pop("test_order") == [0, 1, 5, 2, 3, 4]
    write_json(table, kept)
    assert submitted(workspace) == (set(), lines)
    assert pipeline(workspace).artifacts.dataset.added is not None


def test_a_first_test_folder_makes_a_test_csv_of_finished_runs(photos: Path, tmp_path: Path):
    shutil.move(photos / "test", tmp_path / "later")
    workspace = made(tmp_path / "workspace", photos)
    assert submitted(workspace)[1] == []
    shutil.move(tmp_path / "later", photos / "train" / "test")
    took, lines = submitted(workspace)
    assert took == {"added test images", "submission"} and len(lines) == 6


@pytest.mark.parametrize("change", ["a training image too", "one less", "another image", "another hold-out"])
def test_any_other_change_is_no_addition(photos: Path, tmp_path: Path, save, change: str):
    workspace = made(tmp_path / "workspace", photos)
    before = pipeline(workspace).artifacts.dataset
    save(photos / "test" / "5.png", draw(1, 105))
    if change == "a training image too":
        save(photos / "train" / "bees" / "99.png", draw(1, 99))
    elif change == "one less":
        (photos / "test" / "0.png").unlink()
    elif change == "another image":
        save(photos / "train" / "bees" / "0.png", draw(1, 99))
    else:
        declaration = workspace.competition("insects") / "competition.py"
        edit(declaration, "HoldOut(0.2", "HoldOut(0.3")
    after = pipeline(workspace).artifacts.dataset
    assert after.added is None and after.fingerprint != before.fingerprint and "test/5.png" in after.row_ids(TEST)


def test_a_run_without_its_models_says_how_to_go_on(photos: Path, tmp_path: Path, save):
    workspace = made(tmp_path / "workspace", photos)
    submitted(workspace)
    for file in workspace.runs("insects").glob("*/*/fold-1/models.h5"):
        file.unlink()
    save(photos / "test" / "5.png", draw(1, 105))
    with pytest.raises(UserError, match="keeps no model") as told:
        submitted(workspace)
    kept = workspace.data("insects") / "dataset.json"
    assert f"rm {kept}" in str(told.value.fix) and f"rm -f {workspace.runs('insects')}" in str(told.value.fix)
