"""Boards whose labels are annotations in JSON, as iWildCam 2020 and iNaturalist 2019 have them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from sklearn.metrics import accuracy_score

from harness.plugins import loading
from harness.plugins.guessed import Choices
from harness.plugins.scaffold import create
from harness.utils.workspace import Workspace
from tests.boards.copies import hexadecimal, picture
from tests.boards.drawing import declare, lines_of, submit, table
from tests.conftest import write_image

CAMERAS = """
    readers=(
        CocoJson(
            train="iwildcam2020_train_annotations.json",
            test="iwildcam2020_test_information.json",
            path="train/{file_name}",
            test_path="test/{file_name}",
            group="location",
        ),
    ),
    metric="accuracy",
    submission=SubmissionFormat(id_column="Id", value_column="Category"),
"""
SPECIES = """
    readers=(
        CocoJson(
            train="train2019.json", holdout="val2019.json", test="test2019.json", sample="kaggle_sample_submission.csv"
        ),
    ),
    metric="error",
    submission=SubmissionFormat(value_column="predicted", value="top", top=1),
"""


def annotations(entries: list[dict], categories: dict[str, int]) -> dict:
    """The lists of a file, the annotations in another order than the images."""
    given = [
        {"id": f"a{entry['id']}", "image_id": entry["id"], "category_id": categories[entry["id"]]} for entry in entries
    ]
    return {"images": entries, "annotations": given[::-1]}


def cameras(folder: Path) -> dict[str, str]:
    """iWildCam: ids are text, categories have gaps, one has no picture; frames of one place belong together."""
    numbers, entries = {}, []
    for number in range(96):
        name, label = hexadecimal(number, 16), number % 3
        write_image(folder / "train" / f"{name}.jpg", picture(label, number, 3))
        entries.append({"id": name, "file_name": f"{name}.jpg", "location": number // 4, "width": 16, "height": 16})
        numbers[name] = (0, 96, 372)[label]
    for number in range(6):
        write_image(folder / "test" / f"t{number}.jpg", picture(number % 3, 700 + number, 3))
    listed = [{"id": number, "name": f"species {number}"} for number in (372, 675, 0, 96)]
    (folder / "iwildcam2020_train_annotations.json").write_text(
        json.dumps(annotations(entries, numbers) | {"categories": listed})
    )
    tests = [{"id": f"t{number}", "file_name": f"t{number}.jpg", "location": 900} for number in range(6)]
    (folder / "iwildcam2020_test_information.json").write_text(json.dumps({"images": tests, "categories": listed}))
    table(folder / "sample_submission.csv", "Id,Category", [(f"t{number}", 0) for number in (4, 1, 0, 2, 3, 5)])
    return {name: str(number) for name, number in numbers.items()}


def species(folder: Path) -> dict[str, str]:
    """iNaturalist: ids are numbers, paths are in the files, the organiser has a validation split."""
    numbers, listed = {}, [{"id": number, "name": f"Species {number}", "kingdom": "Plants"} for number in range(4)]
    for part, start, count in (("train", 0, 64), ("val", 64, 24)):
        entries = []
        for number in range(start, start + count):
            path = f"train_val2019/Plants/{number % 4}/{hexadecimal(number, 32)}.jpg"
            write_image(folder / path, picture(number % 4, number, 4))
            entries.append({"id": number, "file_name": path, "rights_holder": "José"})
            numbers[number] = number % 4
        (folder / f"{part}2019.json").write_bytes(
            json.dumps(annotations(entries, numbers) | {"categories": listed}, ensure_ascii=False).encode("latin-1")
        )
    tests = [{"id": number, "file_name": f"test2019/{hexadecimal(number, 32)}.jpg"} for number in range(500, 506)]
    for entry in tests:
        write_image(folder / entry["file_name"], picture(entry["id"] % 4, entry["id"], 4))
    (folder / "test2019.json").write_text(json.dumps({"images": tests}))
    table(folder / "kaggle_sample_submission.csv", "id,predicted", [(number, "0 1 2 3") for number in range(500, 506)])
    return {str(name): str(number) for name, number in numbers.items()}


@pytest.mark.parametrize(("board", "settings", "group"), [(cameras, CAMERAS, "location"), (species, SPECIES, None)])
def test_harness_new_finds_the_annotations(workspace: Workspace, tmp_path: Path, board, settings: str, group):
    """The declaration that it writes reads the same rows as the one above."""
    board(tmp_path / "files")
    (tmp_path / "files" / "detections.json").write_text('{"images": [{"id": "x", "detections": []}]}')
    metric = re.findall(r'metric="(\w+)"', settings)[0]
    _, said = create(workspace, "found", tmp_path / "files", Choices(metric=metric, group=group))
    found, wanted = loading.load(workspace, "found"), declare(workspace, tmp_path / "files", settings).competition
    assert found.readers == wanted.readers and found.submission.columns(()) == wanted.submission.columns(())
    folder = tmp_path / "files"
    assert found.readers[0].listing(folder) == wanted.readers[0].listing(folder)
    assert any(line.startswith("hold-out: val2019.json") for line in said) == (board is species)
    assert lines_of(workspace, "found") <= 25


@pytest.mark.parametrize("board", ["iwildcam-2020", pytest.param("inaturalist-2019", marks=pytest.mark.slow)])
def test_a_board_of_annotations(workspace: Workspace, tmp_path: Path, board: str):
    draw, settings = {"iwildcam-2020": (cameras, CAMERAS), "inaturalist-2019": (species, SPECIES)}[board]
    truth = draw(tmp_path / "files")
    made = declare(workspace, tmp_path / "files", settings)
    assert lines_of(workspace) <= 25
    found = submit(made, "coarse")
    sample = next((tmp_path / "files").glob("*sample_submission.csv")).read_text().splitlines()
    assert ",".join(found.header) == sample[0]
    assert [*found.test] == [line.partition(",")[0] for line in sample[1:]]
    assert {cell for cells in found.test.values() for cell in cells} <= set(truth.values())
    official = accuracy_score([truth[name] for name in found.holdout], [cells[0] for cells in found.holdout.values()])
    wanted = official if board == "iwildcam-2020" else 1 - official
    assert found.score == pytest.approx(wanted, abs=1e-9) and official > 0.7
    dataset = made.artifacts.dataset
    if board == "iwildcam-2020":
        place = {name: number // 4 for number, name in enumerate(truth)}
        folds = [
            {place[name] for name in dataset.ids if name in names}
            for names in ([*found.holdout], made.artifacts.folds.ids)
        ]
        assert folds[0] and not folds[0] & folds[1]
    else:
        assert {*found.holdout} == {str(number) for number in range(64, 88)}
