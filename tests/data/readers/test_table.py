"""Tables: ids stay text, images are found by a pattern, test ids come from the sample submission."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from harness.data.folds import HoldOut, KFold, join_groups
from harness.data.image_table import ImageTable, labelled
from harness.data.readers import Table
from harness.data.readers.reader import Listing
from harness.data.readers.table import read_csv
from harness.data.targets import Multiclass
from harness.utils.errors import UserError
from tests.conftest import declared, draw, located


@pytest.fixture
def board(tmp_path: Path, save) -> Path:
    """Photos of patients: ``train.csv``, ``train/<id>.png``, ``test/<id>.png`` and a sample submission."""
    folder = tmp_path / "board"
    names = [f"{number:04d}" for number in range(24)]
    for number, name in enumerate(names):
        save(folder / "train" / f"{name}.png", draw(number % 2, number))
    lines = [f"{name},{'yes' if number % 2 else 'no'},p{number // 3}" for number, name in enumerate(names)]
    (folder / "train.csv").write_text("\n".join(["image_id,target,patient", *lines]) + "\n")
    for number in (9, 3, 10):
        save(folder / "test" / f"{number}.png", draw(0, 100 + number))
    (folder / "sample_submission.csv").write_text("image_id,target\n9,0\n3,0\n10,0\n")
    return folder


READER = Table(id="image_id", label="target", path="train/{image_id}.png", test_path="test/{id}.png")
GROUPED = Table(id="image_id", label="target", path="train/{image_id}.png", test_path="test/{id}.png", group="patient")


def listing(reader: Table, folder: Path) -> Listing:
    assert reader.matches(folder)
    return reader.listing(folder)


def test_ids_are_text_and_test_ids_come_in_the_order_of_the_sample(board: Path):
    found = listing(READER, board)
    assert found.classes == ("no", "yes")
    assert found.rows[1][:5] == ("0001", "yes", "train", "train/0001.png", None)
    assert [row.id for row in found.rows if row.split == "test"] == ["9", "3", "10"]


def test_ids_that_train_and_test_share_are_told_apart(board: Path):
    shutil.copy(board / "test" / "9.png", board / "test" / "0001.png")
    with (board / "sample_submission.csv").open("a") as file:
        file.write("0001,0\n")
    found = listing(READER, board)
    assert found.rows[1].id == "train/0001" and found.rows[-1].id == "0001"


def test_columns_of_ones_and_zeros_are_classes_in_the_order_of_the_sample(board: Path):
    (board / "train.csv").write_text("image_id,healthy,rust\n0000,1,0\n0001,0,1.0\n")
    (board / "sample_submission.csv").write_text("image_id,rust,healthy\n9,0.5,0.5\n")
    reader = Table(id="image_id", label=("healthy", "rust"), path="train/{id}.png", test_path="test/{id}.png")
    found = listing(reader, board)
    assert [row.label for row in found.rows] == [("healthy",), ("rust",), None]
    assert found.classes == ("rust", "healthy")
    (board / "train.csv").write_text("image_id,healthy,rust\n0000,1,1\n0001,0,1\n")
    with pytest.raises(UserError, match="1 rows do not have exactly one 1 in rust, healthy"):
        labelled(listing(reader, board), Multiclass())
    (board / "train.csv").write_text("image_id,healthy,rust\n0000,1,2\n0001,0,1\n")
    with pytest.raises(UserError, match=r"1 rows of .* hold something else than 0 and 1 in healthy, rust"):
        listing(reader, board)


def test_a_path_may_name_any_column(board: Path, save):
    save(board / "chains" / "7" / "a.jpg", draw(0, 0))
    save(board / "chains" / "9" / "b.jpg", draw(1, 1))
    (board / "train.csv").write_text("image,chain,hotel\na.jpg,7,111\nb.jpg,9,22\nb.jpg,9,22\n")
    reader = Table(id="image", label="hotel", path="chains/{chain}/{image}", sample=None)
    found = listing(reader, board)
    assert [row.source for row in found.rows] == ["chains/7/a.jpg", "chains/9/b.jpg"]
    assert found.classes == ("22", "111")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"label": "Target"}, "no column 'Target'. Did you mean target?"),
        ({"path": "train/{id}.jpg"}, "24 of 24 images of .* are not in"),
        ({"group": "location"}, "no column 'location'"),
    ],
)
def test_what_does_not_fit_is_said(board: Path, change, problem):
    settings = {"id": "image_id", "label": "target", "path": "train/{id}.png", "test_path": "test/{id}.png"}
    with pytest.raises(UserError, match=problem):
        listing(Table(**settings | change), board)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("image_id,target\n0001,a\n0001,b\n", "1 ids more than one label"),
        ("image_id,target\n0001,\n", "1 rows without a value in 'target'"),
        ('image_id,target\n"0001,a\n', "not a CSV"),
        ("image_id,target\n../test/9,a\n", "1 of 1 images"),
    ],
)
def test_a_broken_table_is_refused(board: Path, text, problem):
    (board / "train.csv").write_text(text)
    with pytest.raises(UserError, match=problem):
        listing(READER, board)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"id": "id"}, r"train.csv has no column 'id'\. Known: image_id, patient"),
        ({"test_path": "test/{image_id}.png"}, r"asks for 'image_id', which the ids of test images, and the reader"),
        ({"test_path": "test/{file}.png", "test_csv": "test.csv"}, r"asks for 'file', which test.csv lacks\. Known: "),
    ],
)
def test_names_that_no_column_has_are_refused(board: Path, change: dict[str, str], told: str):
    (board / "test.csv").write_text("image_id,sex\n9,f\n3,m\n10,f\n")
    with pytest.raises(UserError, match=told):
        listing(dataclasses.replace(READER, **change), board)


def test_pictures_of_one_id_are_refused_but_lines_that_say_the_same_count_once(board: Path):
    (board / "train.csv").write_text("patient,image,target\np1,0000,yes\np1,0001,yes\np2,0002,no\np2,0002,no\n")
    reader = Table(id="patient", label="target", path="train/{image}.png", test_path="test/{id}.png")
    with pytest.raises(UserError, match=r"gives 1 ids more than one picture, group or row \(p1\)"):
        listing(reader, board)
    found = listing(dataclasses.replace(reader, id="image"), board)
    assert [row.id for row in found.rows if row.split == "train"] == ["0000", "0001", "0002"]


def test_no_patient_is_on_both_sides_of_a_split(board: Path, tmp_path: Path):
    found = ImageTable(GROUPED, board, tmp_path / "dataset.csv", HoldOut(0.25)).load_or_read()
    patients = np.array([int(name[-4:]) // 3 if len(name) == 4 else -1 for name in found.ids])
    sides = [set(patients[found.rows(split)]) for split in ("train", "holdout")]
    assert not sides[0] & sides[1] and all(sides)
    train = found.rows("train")
    folds = KFold(2).split(found.labels[train], found.groups[train])[:, 0]
    assert all(len(set(folds[patients[train] == patient])) == 1 for patient in set(patients[train]))
    assert found.grouped and (found.groups_of(("0000", "0001"))[0] == found.groups_of(("0002",))[0])


def test_groups_that_share_a_copy_become_one():
    copies, patients = np.array([0, 1, 1, 2, 3, 4]), ["a", "a", "b", "b", None, None]
    assert join_groups(copies, patients).tolist() == [0, 0, 0, 0, 1, 2]
    assert join_groups(copies, [None] * 6) is copies


@pytest.mark.parametrize("zipped_table", [False, True])
def test_archives_beside_tables_are_unpacked_together(board: Path, tmp_path: Path, zipped_table: bool):
    given = tmp_path / "given"
    given.mkdir()
    for name in ("train", "test"):
        shutil.make_archive(str(given / name), "zip", board, name)
    for name in ("train.csv", "sample_submission.csv"):
        if zipped_table:
            shutil.make_archive(str(given / name), "zip", board, name)
        else:
            shutil.copy(board / name, given)
    reader, folder = located(declared(readers=(READER,)), given, tmp_path / "unpacked")
    assert folder == tmp_path / "unpacked"
    assert reader.listing(folder) == READER.listing(board)


@pytest.mark.parametrize("role", ["group", "label", "row"])
def test_a_column_that_is_called_id_and_is_none_keeps_its_cells(board: Path, role: str):
    lines = [f"{number:04d},{number % 2},p{number // 2}" for number in range(24)]
    (board / "train.csv").write_text(
        "\n".join(["image,kind,id" if role != "label" else "image,other,id", *lines]) + "\n"
    )
    if role == "row":  # lines of one row have one label
        lines = [f"{number:04d},{number // 2 % 2},p{number // 2}" for number in range(24)]
        (board / "train.csv").write_text("\n".join(["image,kind,id", *lines]) + "\n")
    given = {"label": "kind"} | {role: "id"}
    found = listing(Table(id="image", path="train/{id}.png", test_path="test/{id}.png", **given), board)
    told = [getattr(row, role) for row in found.rows if row.split == "train"]
    assert told == [f"p{number // 2}" for number in range(24)]
    assert [row.source for row in found.rows][:2] == ["train/0000.png", "train/0001.png"]


def test_all_columns_of_numbers_are_without_one_that_is_called_id_and_is_none(board: Path):
    lines = [f"{number:04d},{number},{number + 20}" for number in range(24)]
    (board / "train.csv").write_text("\n".join(["image,id,age", *lines]).replace("\n", ",a\n") + ",b\n")
    text = (board / "train.csv").read_text().replace("image,id,age,a", "image,id,age,kind")
    (board / "train.csv").write_text(text)
    (board / "test.csv").write_text("image,id,age\n9,x,30\n3,y,31\n10,z,32\n")
    reader = Table(
        id="image", label="kind", path="train/{id}.png", test_path="test/{id}.png", numbers=("*",), test_csv="test.csv"
    )
    found = listing(reader, board)
    assert found.numbers == ("age",) and [row.cells for row in found.rows[-3:]] == [("30",), ("31",), ("32",)]


def test_a_second_folder_of_images_that_is_not_there_is_told(board: Path):
    reader = Table(id="image_id", label="target", path=("train/{id}.png", "right/{id}.png"), test_path="test/{id}.png")
    with pytest.raises(UserError, match=r"24 of 24 images .* In right/ there is nothing"):
        reader.listing(board)


def test_a_single_archive_takes_no_tables_that_lie_beside_it(board: Path, tmp_path: Path):
    given = tmp_path / "downloads"
    given.mkdir()
    archive = Path(shutil.make_archive(str(given / "board"), "zip", board))
    unpacked = [located(declared(readers=(READER,)), archive, tmp_path / "unpacked")[1]]
    first = (unpacked[0] / "train.csv").stat().st_ino
    (given / "bank.csv").write_text("id,balance\n1,2\n")
    unpacked.append(located(declared(readers=(READER,)), archive, tmp_path / "unpacked")[1])
    assert not (unpacked[1] / "bank.csv").exists()
    assert (unpacked[1] / "train.csv").stat().st_ino == first, "nothing is unpacked again"


@pytest.mark.parametrize("mark", [";", "\t"])
def test_what_a_headers_quotes_hold_separates_no_columns(tmp_path: Path, mark: str):
    (tmp_path / "train.csv").write_text(f'id{mark}"breed, or ""mix"""\n1{mark}pug, small\n')
    assert read_csv(tmp_path / "train.csv").to_dict("records") == [{"id": "1", 'breed, or "mix"': "pug, small"}]
