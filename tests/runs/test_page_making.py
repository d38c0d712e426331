"""How a run was made, as its page tells it."""

from __future__ import annotations

import base64
from pathlib import Path

import cv2
import numpy as np

from harness.api import LoadedCompetition
from harness.runs.page_making import augmented, copies, in_all, steps
from harness.runs.records import Record, find, read
from harness.training import image_grid
from harness.utils.files import write_json
from harness.utils.stopwatch import Took
from harness.utils.workspace import Workspace
from tests.conftest import draw, drawn


def test_the_steps_are_those_of_the_run_and_of_all_it_is_made_of(insects: Workspace):
    LoadedCompetition(insects, "insects").train("blend")
    record = find(insects.runs("insects"), "blend")
    found = {step.name: step for step in steps(record, insects.cache("insects"))}
    assert found["blend"].needs == ("coarse", "fine") and found["coarse"].needs == ("folds", "images-6x6")
    assert found["images-12x12"].needs == ("data",) and found["images-12x12"].took is not None
    assert found["blend"].took.seconds == record.about["seconds"]
    names = [*found]
    assert all(names.index(need) < names.index(name) for name, step in found.items() for need in step.needs)
    for file in insects.cache("insects").glob("*.h5"):
        file.unlink()
    assert {s.name: s for s in steps(record, insects.cache("insects"))}["images-6x6"].took is None


def test_of_the_sheet_of_augmented_images_the_first_row_is_shown(tmp_path: Path):
    record = Record(tmp_path, {}, {})
    assert augmented(record) == ""
    pictures = np.stack([np.full((8, 20, 24, 3), 60 * number, np.uint8) for number in range(4)])
    image_grid.draw(pictures, tmp_path / "fold-1" / "augmented.png", 8)
    shown = augmented(record)
    content = np.frombuffer(base64.b64decode(shown.partition(",")[2]), np.uint8)
    row = cv2.imdecode(content, cv2.IMREAD_COLOR)
    sheet = cv2.imread(str(tmp_path / "fold-1" / "augmented.png"))
    assert row.shape[1] == min(900, sheet.shape[1])
    assert row.shape[0] / row.shape[1] == np.float64(len(sheet) // 4 + 2) / sheet.shape[1] or row.shape[1] == 900
    assert row[row.shape[0] // 2, row.shape[1] * 3 // 16].max() < 20  # of the first image, which is black


def test_copies_come_from_the_check_or_else_from_the_groups():
    dataset = drawn(9, splits=["train"] * 6 + ["test"] * 3)
    dataset.images.images |= {"image 8": draw(0, 0)}
    dataset.labels[6:] = -1
    dataset.groups[8] = dataset.groups[0]
    ((first, second),) = copies(dataset, None)
    assert (first["id"], second["id"]) == ("image 0", "image 8")
    assert first["label"] == "a" and second["label"] == "no label" and second["split"] == "test"
    assert first["uri"] == second["uri"] != ""

    def group(*names: str) -> dict:
        return {"images": [{"id": name} for name in names]}

    near = [group("image 3", "gone"), group(*dataset.ids)]
    check = {"duplicates": [group("image 1", "image 2")], "near_duplicates": near}
    assert [[one["id"] for one in some] for some in copies(dataset, check)] == [
        ["image 1", "image 2"],
        ["image 0", "image 1", "image 2"],
    ]


def written(folder: Path, seconds: float, **about: object) -> Record:
    made = {"made_from": folder.name, "seconds": seconds, "cpu_seconds": seconds, "settings": {"kind": "Network"}}
    write_json(folder / "run.json", made | about)
    write_json(folder / "metrics.json", {"run": folder.name, "splits": {}})
    found = read(folder)
    assert found is not None
    return found


def test_the_time_of_what_went_on_from_another_run_has_that_runs_too(tmp_path: Path):
    written(tmp_path / "net" / "a", 100.0)
    parent = {"run": "a", "epoch": 3}
    child = written(tmp_path / "net" / "b", 2.0, parent=parent)
    assert in_all(steps(child, tmp_path)) == (Took(102.0, 102.0), True)
    snapshot = written(tmp_path / "net#2" / "c", 1.0, parent=parent)
    assert in_all(steps(snapshot, tmp_path)) == (Took(101.0, 101.0), True)
    blend = written(tmp_path / "blend" / "d", 3.0, members={"net": "a", "net#2": "c"})
    assert in_all(steps(blend, tmp_path)) == (Took(104.0, 104.0), True), "the training counts once"
