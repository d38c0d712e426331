"""``harness new`` on the layouts of boards: what it takes for what, and what it refuses to guess."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from harness.data.image_table import labelled
from harness.data.readers import ClassFolders
from harness.data.targets import Multilabel, Ordinal
from harness.pipeline.graph import Pipeline
from harness.plugins import loading
from harness.plugins.guess import guess
from harness.plugins.guess_form import submission
from harness.plugins.guessed import Choices
from harness.plugins.scaffold import create
from harness.scoring.submission_format import SubmissionFormat
from harness.utils.errors import UserError
from harness.utils.workspace import Workspace
from tests.boards.drawing import lines_of
from tests.conftest import RECIPES, draw

KINDS = ("boxer", "black-and-tan_coonhound", "pug")


@pytest.fixture
def board(tmp_path: Path, save) -> Callable[..., Path]:
    """Write a board's files: images by path and label, tables by name."""

    def make(images: dict[str, int], **tables: str) -> Path:
        folder = tmp_path / "files"
        for number, (path, label) in enumerate(images.items()):
            save(folder / path, draw(label, number))
        for name, text in tables.items():
            (folder / f"{name}.csv").write_text(text)
        return folder

    return make


def table(header: str, rows: list[tuple]) -> str:
    return "\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n"


def dogs(board: Callable[..., Path]) -> Path:
    """Names in a CSV, no suffix, a column a class in the sample: as in dog-breed-identification."""
    images = {f"train/{number:032x}.jpg": number % 3 for number in range(30)} | {
        f"test/{n:032x}.jpg": 0 for n in (99, 98)
    }
    labels = table("id,breed", [(f"{number:032x}", KINDS[number % 3]) for number in range(30)])
    columns = ",".join(sorted(KINDS))
    sample = table(f"id,{columns}", [(f"{number:032x}", 0.3, 0.3, 0.4) for number in (99, 98)])
    return board(images, labels=labels, sample_submission=sample)


def patients(board: Callable[..., Path]) -> Path:
    """Two classes, a group column and other columns: as in siim-isic-melanoma-classification."""
    images = {f"jpeg/train/ISIC_{number}.jpg": number % 2 for number in range(32)}
    images |= {f"jpeg/test/ISIC_{number}.jpg": 0 for number in (90, 91, 92)}
    rows = [(f"ISIC_{number}", f"IP_{number // 2 % 8}", "male", number % 2) for number in range(32)]
    sample = table("image_name,target", [(f"ISIC_{number}", 0) for number in (92, 90, 91)])
    test = table("image_name,patient_id", [(f"ISIC_{number}", "IP_99") for number in (90, 91, 92)])
    return board(images, train=table("image_name,patient_id,sex,target", rows), test=test, sample_submission=sample)


def submitted(workspace: Workspace, name: str) -> tuple[Pipeline, dict[str, list[dict[str, str]]]]:
    """The pipeline after the CSVs were made, and their rows by split."""
    (workspace.competition(name) / "recipes.py").write_text(RECIPES)
    made = Pipeline(workspace, loading.load(workspace, name))
    made.perform(made.artifacts.choose(["coarse"]), submit="coarse")
    rows = {}
    for split, path in made.artifacts.submission_files("coarse").items():
        with path.open() as file:
            rows[split] = list(csv.DictReader(file))
    return made, rows


def test_breeds_are_guessed_and_scored_as_the_organiser_would(workspace: Workspace, board):
    _, said = create(workspace, "dogs", dogs(board))
    assert said[0] == "training rows: labels.csv, 30 rows, ids in 'id', images at train/{id}.jpg"
    assert any(line.startswith("metric: log loss, since no file says which") for line in said)
    assert lines_of(workspace, "dogs") <= 25
    made, rows = submitted(workspace, "dogs")
    assert [row["id"] for row in rows["test"]] == [f"{number:032x}" for number in (99, 98)]
    assert [*rows["test"][0]] == ["id", *sorted(KINDS)]
    values = np.array([[float(row[name]) for name in sorted(KINDS)] for row in rows["holdout"]])
    truth = [KINDS[int(row["id"], 16) % 3] for row in rows["holdout"]]
    wanted = log_loss(truth, values / values.sum(axis=1, keepdims=True), labels=sorted(KINDS))
    assert made.artifacts.run_of("coarse").metrics()["holdout"]["score"] == pytest.approx(wanted, abs=1e-6)
    assert float(made_score(made, workspace, "dogs")) == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("mark", [";", "\t"])
def test_columns_may_be_separated_by_semicolons_or_tabs(workspace: Workspace, board, mark: str):
    """What is read is the same, and the CSV that is written is separated as the sample is."""
    folder = dogs(board)
    with_commas = guess(folder, Choices()).reader.listing(folder)
    for file in folder.glob("*.csv"):
        file.write_text(file.read_text().replace(",", mark))
    assert guess(folder, Choices()).reader.listing(folder) == with_commas
    create(workspace, "dogs", folder)
    made, _ = submitted(workspace, "dogs")
    header, *rows = made.artifacts.submission_files("coarse")["test"].read_text().splitlines()
    assert header.split(mark) == ["id", *sorted(KINDS)]
    assert len(rows) == 2


def made_score(made: Pipeline, workspace: Workspace, name: str):
    """The local score of the hold-out's CSV."""
    from harness.kaggle.board import board as board_of
    from harness.scoring.metrics import METRICS
    from harness.scoring.score import score_file

    competition = loading.load(workspace, name)
    file = made.artifacts.submission_files("coarse")["holdout"]
    metric = METRICS[competition.metric]
    return score_file(file, competition.submission, metric, made.artifacts.dataset, board_of(workspace, competition))


def test_patients_are_kept_together_and_auc_is_the_organisers(workspace: Workspace, board):
    choices = Choices(metric="auc", group="patient_id")
    _, said = create(workspace, "melanoma", patients(board), choices)
    assert "groups: column 'patient_id'; no fold separates its 8 values" in said
    assert "CSV: the probability of the class '1'" in said
    assert lines_of(workspace, "melanoma") <= 25
    made, rows = submitted(workspace, "melanoma")
    assert [row["image_name"] for row in rows["test"]] == ["ISIC_92", "ISIC_90", "ISIC_91"]
    number = [int(row["image_name"].removeprefix("ISIC_")) for row in rows["holdout"]]
    wanted = roc_auc_score([each % 2 for each in number], [float(row["target"]) for row in rows["holdout"]])
    assert float(made_score(made, workspace, "melanoma")) == pytest.approx(wanted, abs=1e-9)
    held = {each // 2 % 8 for each in number}
    trained = {int(name.removeprefix("ISIC_")) // 2 % 8 for name in made.artifacts.folds.ids}
    assert held and not held & trained


def test_without_a_group_it_says_which_columns_could_be_one(board):
    found = guess(patients(board), Choices())
    assert "groups: none; if rows with the same value belong together: --group patient_id" in found.said
    assert found.reader.label == "target"


def test_zips_beside_a_csv_are_unpacked_first(workspace: Workspace, board, tmp_path: Path):
    files, given = dogs(board), tmp_path / "given"
    given.mkdir()
    for name in ("train", "test"):
        shutil.make_archive(str(given / name), "zip", files, name)
    for name in ("labels.csv", "sample_submission.csv"):
        shutil.make_archive(str(given / name), "zip", files, name)
    _, said = create(workspace, "dogs", given)
    assert "rows: 30 train, 2 test; 3 classes: black-and-tan_coonhound, boxer, pug" in said
    assert len(Pipeline(workspace, loading.load(workspace, "dogs")).artifacts.dataset) == 32


def test_folders_that_are_no_classes_are_found_by_their_columns(board):
    """Paths hold the chain, labels are hotels: as in hotel-id-2021."""
    images = {f"train_images/{number % 2}/{number}a.jpg": number % 2 for number in range(6)} | {"test_images/x.jpg": 0}
    rows = table("image,chain,hotel_id", [(f"{number}a.jpg", number % 2, 100 + number % 3) for number in range(6)])
    found = guess(board(images, train=rows, sample_submission="image,hotel_id\nx.jpg,100 101\n"), Choices())
    assert found.reader.path == "train_images/{chain}/{image}" and found.reader.test_path == "test_images/{id}"


def test_one_folder_of_both_is_told_apart_by_the_tables(board):
    """One-hot columns, train and test in one folder: as in plant-pathology-2020."""
    images = {f"images/{part}_{number}.jpg": 0 for part in ("Train", "Test") for number in range(4)}
    rows = table("image_id,healthy,rust", [(f"Train_{number}", number % 2, 1 - number % 2) for number in range(4)])
    sample = table("image_id,healthy,rust", [(f"Test_{number}", 0.5, 0.5) for number in range(4)])
    found = guess(board(images, train=rows, sample_submission=sample), Choices())
    assert found.reader.label == ("healthy", "rust")
    assert (found.reader.path, found.reader.test_path) == ("images/{image_id}.jpg", "images/{id}.jpg")


@pytest.mark.parametrize(
    ("header", "choices", "problem", "fix"),
    [
        ("id,first,second", Choices(), "which column of train.csv holds the labels: first, second", "--label first"),
        ("id,first,second", Choices(label="frist"), "no column 'frist'. Did you mean first", "--label COLUMN"),
    ],
)
def test_a_label_that_nothing_names_is_asked_for(board, header, choices, problem, fix):
    images = {f"train/{number}.png": 0 for number in range(4)}
    folder = board(images, train=table(header, [(number, "a", "b") for number in range(4)]))
    with pytest.raises(UserError, match=problem) as refused:
        guess(folder, choices)
    assert fix in refused.value.fix


def test_images_that_could_be_in_two_places_are_asked_for(board):
    images = {f"{place}/{number}.png": 0 for place in ("large", "small") for number in range(4)}
    folder = board(images, train=table("id,kind", [(number, "a") for number in range(4)]))
    with pytest.raises(UserError, match=r"could be at large/\{id\}.png, small/\{id\}.png") as refused:
        guess(folder, Choices())
    assert refused.value.fix.startswith("say which: --path 'large/{id}.png'; or, if each row has several images: ")
    both = ("large/{id}.png", "small/{id}.png")
    assert refused.value.options == [*both, ",".join(both)]
    assert guess(folder, Choices(path=",".join(both))).reader.path == both
    assert guess(folder, Choices(path="small/{id}.png")).reader.path == "small/{id}.png"


@pytest.mark.parametrize(
    ("header", "row", "image", "column"),
    [
        (",image,label", "{n},{m}.png,{b}", "train/{m}.png", "image"),  # pandas wrote its index
        ("label,image", "{b},{m}", "train/{m}.png", "image"),  # labels that are names of images too
        ("label,path", "{b},train/p{b}/ISIC_{m}.png", "train/p{b}/ISIC_{m}.png", "path"),
        ("image,other,label", "{m},{n},{b}", "train/{m}.png", "image"),  # both differ: the first one
        ("patient,image,label", "p{h},p{h}_{b},{b}", "train/p{h}_{b}.png", "image"),  # two of each patient
        ("id,mask,label", "{n},m{n},{b}", "train/{n}_.png", "id"),  # masks, which are images too
    ],
)
def test_the_column_that_tells_images_apart_is_the_one_of_ids(board, header, row, image, column):
    numbers = [{"n": n, "m": 7 - n, "b": n % 2, "h": n // 2} for n in range(8)]
    folder = board(
        {image.format(**one): one["b"] for one in numbers}
        | {f"masks/m{n}.png": 0 for n in range(8) if "mask" in header},
        train=table(header, []) + "\n".join(row.format(**one) for one in numbers),
    )
    found = guess(folder, Choices(label="label"))
    assert (found.reader.id, found.reader.label) == (column, "label")
    labels = {one.source: one.label for one in found.reader.listing(folder).rows}
    assert labels == {image.format(**one): str(one["b"]) for one in numbers}


def test_the_pattern_that_is_given_names_the_column(board):
    images = {f"train/{n}_.png": n % 2 for n in range(8)} | {f"masks/m{n}.png": 0 for n in range(8)}
    rows = [(f"m{n}", n, n % 2) for n in range(8)]
    found = guess(board(images, train=table("mask,id,label", rows)), Choices(label="label", path="train/{id}_.png"))
    assert found.reader.id == "id" and found.reader.listing(found.folder).rows[0].source == "train/0_.png"


def test_test_images_are_where_the_training_images_are(board):
    """JPEG and DICOM of each: as in siim-isic-melanoma-classification."""
    folder = patients(board)
    for part in ("train", "test"):
        (folder / part).mkdir()
        for file in (folder / "jpeg" / part).iterdir():
            (folder / part / file.with_suffix(".dcm").name).touch()
    found = guess(folder, Choices(path="jpeg/train/{image_name}.jpg", label="target"))
    assert found.reader.test_path == "jpeg/test/{id}.jpg"
    for file in (folder / "jpeg" / "train").iterdir():
        file.rename(folder / file.name)
    with pytest.raises(UserError, match="the test images could be at") as refused:
        guess(folder, Choices(path="{image_name}.jpg", label="target"))
    assert "--path" not in refused.value.fix and "test_path=" in refused.value.fix


@pytest.mark.parametrize("mark", ["|", ";", ", "])
def test_lists_of_labels_with_other_marks_between_them(board, mark: str):
    cells = [("No Finding", f"Mass{mark}Node", "Mass", f"Node{mark}Hernia", "Node")[number % 5] for number in range(8)]
    rows = table("id;found".replace(";", ","), [(number, f'"{cell}"') for number, cell in enumerate(cells)])
    folder = board(IMAGES, train=rows)
    for said in (None, "multilabel"):
        found = guess(folder, Choices(targets=said))
        assert found.targets == Multilabel(mark.strip())
        assert any(repr(mark.strip()) in line for line in found.said)
        assert labelled(found.reader.listing(folder), found.targets)[0] == ("Hernia", "Mass", "No Finding", "Node")
    classes = ("Hernia", "Mass", "No Finding", "Node")
    for told, wanted in (
        ("No Finding", mark.strip()),
        ("Mass", mark.strip()),
        ("Nothing at all", mark.strip()),  # no name that is known
        (f"Mass{mark}Node", mark.strip()),
        ("Mass Node", " "),
    ):
        (folder / "sample_submission.csv").write_text(f'id,found\n1,"{told}"\n')
        found = guess(folder, Choices(label="found", metric="micro_f1"))
        assert submission(found, "micro_f1", classes).list_separator == wanted


IMAGES = {f"train/{number}.png": number % 2 for number in range(8)}
KINDS_OF_TABLES = {
    "regression": table("id,age", [(number, number + 0.5) for number in range(8)]),
    "multilabel": table("id,tags", [(number, ("a b", "b", "a", "a c", "")[number % 5]) for number in range(8)]),
    "ordinal": table("id,grade", [(number, number % 3) for number in range(8)]),
    "multiclass": table("id,plant", [(number, ("Sugar beet", "Maize")[number % 2]) for number in range(8)]),
}


@pytest.mark.parametrize("kind", KINDS_OF_TABLES)
def test_the_kind_of_labels_is_found_and_said(workspace: Workspace, board, kind: str):
    choices = Choices(metric="quadratic_weighted_kappa" if kind == "ordinal" else None)
    name, said = create(workspace, "tags", board(IMAGES, train=KINDS_OF_TABLES[kind]), choices)
    assert [line.split(",")[0] for line in said if line.startswith("targets")] == [f"targets: {kind}"] * (
        kind != "multiclass"
    )
    competition = loading.load(workspace, name)
    assert competition.targets.name == kind
    wanted = {"regression": "rmse", "multilabel": "log_loss", "ordinal": choices.metric, "multiclass": "accuracy"}
    assert competition.metric == wanted[kind]
    values = {"regression": "quantity", "multilabel": "columns", "ordinal": "class", "multiclass": "class"}
    assert competition.submission.value == values[kind]
    assert loading.recipes(competition)[1] == ("decided" if kind == "ordinal" else "lite0")
    assert len(Pipeline(workspace, competition).artifacts.dataset) == 8
    assert lines_of(workspace, name) <= 25


def test_columns_of_several_ones_are_labels_and_a_kind_may_be_said(board):
    rows = table("id,a,b", [(number, 1, number % 2) for number in range(8)])
    folder = board(IMAGES, train=rows, sample_submission=table("id,a,b", [(1, 0, 0)]))
    assert guess(folder, Choices()).targets.name == "multilabel"
    assert guess(folder, Choices(targets="multiclass")).targets.name == "multiclass"
    found = guess(folder, Choices(metric="micro_f1"))
    assert submission(found, "micro_f1", ("a", "b")) == SubmissionFormat(value="columns", decimals=0)
    assert submission(found, "mean_column_auc", ("a", "b")).decimals == 15
    with pytest.raises(UserError, match=r"there is no --targets 'multilabels'\. Did you mean multilabel"):
        guess(folder, Choices(targets="multilabels"))
    with pytest.raises(UserError, match=r"taken as multilabel, since some rows .* accuracy does not judge these"):
        guess(folder, Choices(metric="accuracy"))


def test_a_sample_of_other_classes_than_the_labels_is_told(workspace: Workspace, board):
    rows = table("id,label", [(number, ("cat", "dog", "owl")[number % 3]) for number in range(8)])
    for columns, told in (("owl,dog,cat", False), ("cat,dog,elk,owl", True)):
        cells = (0.1,) * len(columns.split(","))
        folder = board(IMAGES, train=rows, sample_submission=table(f"id,{columns}", [("x1", *cells), ("x2", *cells)]))
        _, said = create(workspace, f"animals{len(cells)}", folder, Choices(metric="log_loss"))
        assert any("may refuse it: elk in one of them only" in line for line in said) == told


@pytest.mark.parametrize(("column", "positive"), [("cat", "cat"), ("dog", "dog"), ("label", "dog")])
def test_a_column_that_is_called_as_a_class_holds_its_probability(board, column: str, positive: str):
    rows = table("id,label", [(number, ("cat", "dog")[number % 2]) for number in range(8)])
    folder = board(IMAGES, train=rows, sample_submission=table(f"id,{column}", [("x1", 0.5)]))
    assert submission(guess(folder, Choices(metric="log_loss")), "log_loss", ("cat", "dog")).positive == positive


@pytest.mark.parametrize(
    ("labels", "sample", "decimals"),
    [
        ("{}.5", "65.12345678901", 11),  # as the sample has it
        ("{}.5", "0.5", 9),
        ("{}.5", "0", 9),  # a placeholder, for the labels have fractions
        ("{}", "0", 0),
        ("{}", "0.0", 9),
    ],
)
def test_numbers_are_written_as_the_sample_has_them(workspace: Workspace, board, labels, sample, decimals):
    rows = table("id,count", [(number, labels.format(number)) for number in range(8)])
    folder = board(IMAGES, train=rows, sample_submission=table("id,count", [("x1", sample), ("x2", sample)]))
    name, said = create(workspace, "counts", folder, Choices(targets="regression"))
    assert loading.load(workspace, name).submission.decimals == decimals
    assert any(line.startswith("CSV: whole numbers") for line in said) == (decimals == 0)


@pytest.mark.parametrize("kind", ["multiclass", "multilabel", "regression"])
def test_a_sample_of_ids_alone_tells_the_ids_and_the_csv_has_the_usual_column(workspace: Workspace, board, kind: str):
    rows = table("id,count", [(number, number % 2) for number in range(8)])
    folder = board(IMAGES, train=rows, sample_submission=table("image", [("x1",), ("x2",)]))
    name, _ = create(workspace, "counts", folder, Choices(targets=kind, metric="mae" if kind == "regression" else None))
    form = loading.load(workspace, name).submission
    assert (form.id_column, form.value_column) == ("image", "label")


def test_columns_that_the_test_has_too_are_declared(workspace: Workspace, board):
    """Ages and sexes of all; of the test's patients training has none, and its diagnoses are not known."""
    folder = patients(board)
    lines = ["image_name,patient_id,sex,age,m1,m2,m3,diagnosis,target"]
    lines += [
        f"ISIC_{n},IP_{n // 2 % 8},{'male' if n % 3 else ''},{20 + n if n % 5 else ''},{n}.5,{n},{n},nevus,{n % 2}"
        for n in range(32)
    ]
    (folder / "train.csv").write_text("\n".join(lines) + "\n")
    tests = [f"ISIC_{n},IP_99,male,40,1,2,3" for n in (90, 91, 92)]
    (folder / "test.csv").write_text("\n".join(["image_name,patient_id,sex,age,m1,m2,m3", *tests]) + "\n")
    name, said = create(workspace, "melanoma", folder, Choices(metric="auc"))
    (reader,) = loading.load(workspace, name).readers
    assert (reader.test_csv, reader.numbers, reader.categories) == ("test.csv", ("age", "m*"), ("sex",))
    assert any("numbers age, m1, m2, m3 and categories sex" in line for line in said)
    dataset = Pipeline(workspace, loading.load(workspace, name)).artifacts.dataset
    assert [*dataset.columns.cells] == ["age", "m1", "m2", "m3", "sex"]
    assert dataset.columns.cells["age"][dataset.splits == "test"].tolist() == ["40"] * 3


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        (("train/{}_left.png", "train/{}_right.png"), ("train/{id}_left.png", "train/{id}_right.png")),
        (("train/cam1/{}.png", "train/cam2/{}.png"), ("train/cam1/{id}.png", "train/cam2/{id}.png")),
        (("train/L/{}.png", "train/R/{}.png"), ("train/L/{id}.png", "train/R/{id}.png")),
        (("train/img-{}.png",), "train/img-{id}.png"),
    ],
)
def test_the_images_of_a_row_are_found_by_their_sides(workspace: Workspace, board, places, expected):
    images = {place.format(number): 0 for number in range(8) for place in places}
    images |= {place.replace("train", "test").format(number): 0 for number in (100, 101) for place in places}
    rows = table("id,kind", [(number, "ab"[number % 2]) for number in range(8)])
    folder = board(images, train=rows, sample_submission=table("id,kind", [(100, "a"), (101, "a")]))
    name, _ = create(workspace, "eyes", folder)
    (reader,) = loading.load(workspace, name).readers
    assert reader.path == expected
    assert str(reader.test_path) == str(expected).replace("train", "test")
    assert len(Pipeline(workspace, loading.load(workspace, name)).artifacts.dataset) == 10 * len(places)


def test_train_and_val_are_parts_and_not_classes(board):
    images = {f"{part}/{kind}/{number}.png": 0 for part in ("train", "val") for kind in "ab" for number in range(2)}
    folder = board(images | {"test/1.png": 0})
    found = guess(folder, Choices())
    assert (found.reader.train, found.reader.holdout, found.reader.test) == ("train", "val", "test")
    shutil.rmtree(folder / "train" / "a")
    with pytest.raises(UserError, match="neither two folders of classes, nor a CSV"):
        guess(folder, Choices())
    shutil.rmtree(folder / "train")
    with pytest.raises(UserError, match="parts of a data set, not classes, and no train/: test, val"):
        guess(folder, Choices())


def test_two_labelled_parts_are_not_chosen_between(board):
    parts = ("train", "val", "test")
    folder = board({f"{part}/{kind}/1.png": 0 for part in parts for kind in "ab"})
    with pytest.raises(UserError, match=r"test and val in .* both have labels") as refused:
        guess(folder, Choices())
    assert refused.value.fix == "say which: --holdout val"
    assert guess(folder, Choices(holdout="test")).said == [
        "labels: the names of the folders in train/",
        "hold-out: test/",
        "test rows: none",
        "not used: val",
    ]


def test_folders_take_their_ids_from_the_sample_if_it_names_the_test_images(board):
    images = {f"train/{kind}/{kind}{n}.png": 0 for kind in "ab" for n in range(2)} | {"test/7.png": 0, "test/8.png": 0}
    folder = board(images, SampleSubmission="file;species\n8.png;a\n7.png;a\n")
    found = guess(folder, Choices())
    assert found.reader == ClassFolders(train="train", test="test", test_ids="name", labelled_ids="name")
    assert (found.id_column, found.value_columns, found.separator) == ("file", ("species",), ";")
    assert found.said[-1] == "ids of the test: names of images, as in SampleSubmission.csv"
    (folder / "test" / "9.png").write_bytes((folder / "test" / "7.png").read_bytes())
    found = guess(folder, Choices())
    assert found.reader == ClassFolders(train="train", test="test") and found.id_column == "id"
    assert found.said[-1].startswith("not used: SampleSubmission.csv; ids are paths")


@pytest.mark.parametrize("sample", [b"file,species\n8.png,a\n", b"file,species\n", b"", b"caf\xe9\n"])
def test_folders_without_test_images_have_no_use_for_a_sample_and_leave_it_unread(board, sample: bytes):
    folder = board({f"{kind}/{n}.png": 0 for kind in "ab" for n in range(2)})
    (folder / "Samples.csv").write_bytes(sample)
    found = guess(folder, Choices())
    assert found.reader == ClassFolders(test="test") and found.sample is None
    assert found.said[-1].startswith("not used: Samples.csv; ids are paths")


def folders(board) -> Path:
    return board({f"{part}/{kind}/{n}.png": 0 for part in ("train", "val") for kind in "012" for n in range(4)})


def test_a_hold_out_may_be_typed_with_a_slash_and_a_wrong_one_is_refused(board):
    folder = folders(board)
    assert guess(folder, Choices(holdout="val/")).reader.holdout == "val"
    for wrong in ("vall", "train"):
        with pytest.raises(UserError, match=rf"{wrong} is no folder of classes beside train/; .* are in val"):
            guess(folder, Choices(holdout=wrong))
    with pytest.raises(UserError, match=r"has no train/, beside which a hold-out could be\."):
        guess(folder / "train", Choices(holdout="val"))


def test_folders_may_be_grades(workspace: Workspace, board):
    folder = folders(board)
    for choices in (Choices(metric="quadratic_weighted_kappa"), Choices(targets="ordinal")):
        found = guess(folder, choices)
        assert found.targets == Ordinal() and "targets: ordinal, " in found.said[-1]
    name, _ = create(workspace, "grades", folder, Choices(metric="quadratic_weighted_kappa"))
    assert loading.load(workspace, name).targets == Ordinal()
    assert "default = decided" in (workspace.competition(name) / "recipes.py").read_text()


@pytest.mark.parametrize(
    ("choices", "told"),
    [
        (Choices(metric="rmse"), "taken as multiclass, and RMSE does not judge these"),
        (Choices(targets="nonsense"), "there is no --targets 'nonsense'. Known: multiclass, multilabel, ordinal"),
        (Choices(targets="regression"), "give each image one class. Received: --targets regression"),
    ],
)
def test_what_folders_cannot_be_is_refused_before_anything_is_written(workspace: Workspace, board, choices, told):
    with pytest.raises(UserError, match=told):
        create(workspace, "grades", folders(board), choices)
    assert list(workspace.competitions.iterdir()) == []


def test_a_group_that_no_column_is_is_refused(board):
    with pytest.raises(UserError, match=r"train.csv has no column 'patiant_id'. Did you mean patient_id\?"):
        guess(patients(board), Choices(group="patiant_id"))


def test_an_unknown_metric_is_refused_before_anything_is_written(workspace: Workspace, board):
    with pytest.raises(UserError, match=r"there is no --metric 'acuracy'\. Did you mean accuracy"):
        create(workspace, "dogs", dogs(board), Choices(metric="acuracy"))
    with pytest.raises(UserError, match="AUC needs 2 classes, and the data has 3"):
        create(workspace, "dogs", dogs(board), Choices(metric="auc"))
    assert list(workspace.competitions.iterdir()) == []
