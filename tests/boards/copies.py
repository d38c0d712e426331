"""Copies of Kaggle's boards, drawn in the organiser's layout: files, a declaration, the cells that are asked for.

What each board ships and asks for stands in its ``draw`` and its fields; the truth of each labelled image is noted
while it is drawn, by the id that the board knows it by.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import py7zr
from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score, log_loss, roc_auc_score

from tests.boards.drawing import quarters, table
from tests.conftest import write_image

Cells = list[list[str]]
Truth = list[Any]
NUMBER = r"[01]\.\d{3,}"


@dataclass(frozen=True)
class Board:
    """A board.

    Args:
        draw: writes its files into a folder; the truth by id.
        settings: the lines of ``competition.py`` that are its own.
        cells: what each cell but the id must match, whole.
        official: the board's formula: from the truth, the cells and the header to the score.
        recipe: whose CSV is sent.
        seven_zips: whether images come as 7z archives of their folders, and CSVs in zips.
    """

    draw: Callable[[Path], dict[str, Any]]
    settings: str
    cells: str
    official: Callable[[Truth, Cells, list[str]], float]
    recipe: str = "coarse"
    seven_zips: bool = False

    def given(self, files: Path) -> Path:
        """The files as Kaggle gives them: as they are, or in archives beside each other."""
        if not self.seven_zips:
            return files
        folder = files.with_name("archives")
        folder.mkdir()
        for path in files.iterdir():
            if path.is_dir():
                with py7zr.SevenZipFile(folder / f"{path.name}.7z", "w") as archive:
                    archive.writeall(path, path.name)
            else:
                with zipfile.ZipFile(folder / f"{path.name}.zip", "w") as archive:
                    archive.write(path, path.name)
        return folder


def picture(label: int, number: int, classes: int) -> np.ndarray:
    """A picture whose class shows, as a rule: one image in nine looks like the next class."""
    seen = (label + (number % 9 == 4)) % classes
    shown = [(seen >> bit) & 1 for bit in range(4)] if classes > 4 else np.eye(4)[seen]
    return quarters(np.asarray(shown, float), number)


def person(number: int) -> tuple[str, str, str]:
    """Sex, age and site of a mole; some are blank."""
    sex, site = ("male", "female", "")[number % 3], ("torso", "lower extremity", "", "head/neck")[number % 4]
    return sex, str(20 + number % 50) if number % 11 else "", site


def hexadecimal(number: int, digits: int) -> str:
    return f"{(number + 1) * 2654435761 % 16**digits:0{digits}x}"


def of_table(
    *,
    train: str,
    test: str,
    csv: str,
    header: str,
    classes: list[str],
    name: Callable[[int], str],
    row: Callable[[str, str, int], tuple],
    sample: str,
    blank: tuple = (0,),
    count: int = 72,
    samples: str = "sample_submission.csv",
    test_name: Callable[[int], str] | None = None,
    test_csv: tuple[str, Callable[[str, int], tuple]] | None = None,
) -> Callable[[Path], dict[str, Any]]:
    """A drawing of a board whose labels stand in a CSV.

    Args:
        train, test: patterns of paths, with {id} and {label}.
        csv, header: the CSV of labels and its first line.
        classes: names of the classes, which take turns.
        name: the id of a number.
        row: from id, class and number to a line of the CSV.
        sample: the first line of the sample submission; ``blank`` are its cells.
        test_csv: the first line of ``test.csv``, and from id and number to a line of it.
    """

    def draw(folder: Path) -> dict[str, Any]:
        truth, rows = {}, []
        for number in range(count):
            label = number * 7 % len(classes) if number % 5 else 0
            key = name(number)
            write_image(folder / train.format(id=key, label=classes[label]), picture(label, number, len(classes)))
            truth[key] = classes[label]
            rows.append(row(key, classes[label], number))
        table(folder / csv, header, rows)
        keys = [(test_name or name)(number) for number in range(500, 506)]
        for number, key in enumerate(keys):
            write_image(folder / test.format(id=key), picture(number % len(classes), 900 + number, len(classes)))
        table(folder / samples, sample, [(key, *blank) for key in reversed(keys)])
        if test_csv is not None:
            table(folder / "test.csv", test_csv[0], [test_csv[1](key, number) for number, key in enumerate(keys)])
        return truth

    return draw


def positive(truth: Truth, of: str) -> list[int]:
    return [int(label == of) for label in truth]


def numbers(cells: Cells, column: int = 0) -> list[float]:
    return [float(row[column]) for row in cells]


def by_auc(of: str) -> Callable[[Truth, Cells, list[str]], float]:
    return lambda truth, cells, header: roc_auc_score(positive(truth, of), numbers(cells))


def by_accuracy(truth: Truth, cells: Cells, header: list[str]) -> float:
    return accuracy_score(truth, [row[0] for row in cells])


def by_log_loss(truth: Truth, cells: Cells, header: list[str]) -> float:
    """Rows divided by their sums, clipped, the true column's logarithm."""
    given = np.array(cells, float)
    given = np.clip(given / given.sum(axis=1, keepdims=True), 1e-15, 1 - 1e-15)
    return float(-np.mean([np.log(row[header.index(label) - 1]) for row, label in zip(given, truth, strict=True)]))


def by_map5(truth: Truth, cells: Cells, header: list[str]) -> float:
    gains = []
    for label, row in zip(truth, cells, strict=True):
        listed = row[0].split(" ")[:5]
        gains.append(1 / (listed.index(label) + 1) if label in listed else 0)
    return float(np.mean(gains))


# The boards.


def dogs(folder: Path) -> dict[str, Any]:
    truth = {}
    for number in range(72):
        kind = ("cat", "dog")[number % 2]
        write_image(folder / "train" / f"{kind}.{number}.jpg", picture(number % 2, number, 2))
        truth[f"{kind}.{number}"] = kind
    for number in range(1, 7):
        write_image(folder / "test" / f"{number}.jpg", picture(number % 2, 900 + number, 2))
    table(folder / "sample_submission.csv", "id,label", [(number, 0.5) for number in range(1, 7)])
    return truth


def seedlings(folder: Path) -> dict[str, Any]:
    species, truth = ("Small-flowered Cranesbill", "Sugar beet", "Maize"), {}
    for number in range(72):
        name = f"{hexadecimal(number, 9)}.png"
        write_image(folder / "train" / species[number % 3] / name, picture(number % 3, number, 3))
        truth[name] = species[number % 3]
    names = [f"{hexadecimal(number, 9)}.png" for number in range(500, 506)]
    for number, name in enumerate(names):
        write_image(folder / "test" / name, picture(number % 3, 900 + number, 3))
    table(folder / "sample_submission.csv", "file,species", [(name, "Sugar beet") for name in names])
    return truth


def plants(folder: Path) -> dict[str, Any]:
    truth, rows, names = {}, [], ("healthy", "multiple_diseases", "rust", "scab")
    for number in range(72):
        label = number % 4 if number % 3 else 0
        write_image(folder / "images" / f"Train_{number}.jpg", picture(label, number, 4))
        truth[f"Train_{number}"] = names[label]
        rows.append((f"Train_{number}", *(int(label == each) for each in range(4))))
    table(folder / "train.csv", f"image_id,{','.join(names)}", rows)
    for number in range(6):
        write_image(folder / "images" / f"Test_{number}.jpg", picture(number % 4, 900 + number, 4))
    table(folder / "test.csv", "image_id", [(f"Test_{number}",) for number in range(6)])
    table(
        folder / "sample_submission.csv", f"image_id,{','.join(names)}", [(f"Test_{n}", *[0.25] * 4) for n in range(6)]
    )
    return truth


def cassava(folder: Path) -> dict[str, Any]:
    truth = of_table(
        train="train_images/{id}",
        test="test_images/{id}",
        csv="train.csv",
        header="image_id,label",
        classes=["0", "1", "2", "3", "4"],
        name=lambda number: f"{1000000 + number * 37}.jpg",
        row=lambda key, label, number: (key, label),
        sample="image_id,label",
        blank=(4,),
    )(folder)
    (folder / "label_num_to_disease_map.json").write_text(json.dumps({str(n): f"disease {n}" for n in range(5)}))
    return truth


def leaves(folder: Path) -> dict[str, Any]:
    species, truth = ["Acer_Opalus", "Quercus_Robur", "Zelkova_Serrata"], {}
    measured = ",".join(f"{kind}{number}" for kind in ("margin", "shape") for number in (1, 2))
    rows, tests, random = [], [], np.random.default_rng(0)
    for number in range(78):
        label = number % 3
        write_image(folder / "images" / f"{number + 1}.jpg", picture(label, number, 3))
        given = [f"{value:.6f}" for value in random.normal(size=4) + label * np.array([1, 0, 0, -1])]
        if number % 13:
            rows.append((number + 1, species[label], *given))
            truth[str(number + 1)] = species[label]
        else:
            tests.append((number + 1, *given))
    table(folder / "train.csv", f"id,species,{measured}", rows)
    table(folder / "test.csv", f"id,{measured}", tests)
    table(folder / "sample_submission.csv", f"id,{','.join(species)}", [(row[0], 0.3, 0.3, 0.4) for row in tests])
    return truth


def hotels(folder: Path) -> dict[str, Any]:
    """Hotels of one picture, folders of chains, one image in two rows."""
    truth, rows = {}, []
    for number in range(64):
        hotel, chain, key = number % 9 if number < 60 else number, number % 2, f"{hexadecimal(number, 16)}.jpg"
        write_image(folder / "train_images" / str(chain) / key, picture(hotel % 16, number, 16))
        truth[key] = str(18000 + 31 * hotel)
        rows.append((key, chain, truth[key], "2018-07-07 19:30:00"))
    table(folder / "train.csv", "image,chain,hotel_id,timestamp", [*rows, rows[7]])
    names = [f"{hexadecimal(number, 16)}.jpg" for number in range(500, 503)]
    for number, name in enumerate(names):
        write_image(folder / "test_images" / name, picture(number, 900 + number, 16))
    table(folder / "sample_submission.csv", "image,hotel_id", [(name, "36363 53586") for name in names])
    return truth


BOARDS: dict[str, Board] = {
    "dogs-vs-cats-redux": Board(
        dogs,
        """
    readers=(ClassInName(classes=("cat", "dog")),),
    metric="log_loss",
    submission=SubmissionFormat(value="probability", positive="dog", decimals=15),
""",
        NUMBER,
        lambda truth, cells, header: log_loss(
            positive(truth, "dog"), np.clip(numbers(cells), 1e-15, 1 - 1e-15), labels=[0, 1]
        ),
    ),
    "dog-breed-identification": Board(
        of_table(
            train="train/{id}.jpg",
            test="test/{id}.jpg",
            csv="labels.csv",
            header="id,breed",
            classes=["beagle", "black-and-tan_coonhound", "pug"],
            name=lambda number: hexadecimal(number, 32),
            row=lambda key, label, number: (key, label),
            sample="id,beagle,black-and-tan_coonhound,pug",
            blank=(0.3, 0.3, 0.4),
        ),
        """
    readers=(Table(csv="labels.csv", label="breed"),),
    metric="log_loss",
    submission=SubmissionFormat(value="probabilities", decimals=15),
""",
        NUMBER,
        by_log_loss,
    ),
    "cassava-leaf-disease": Board(
        cassava,
        """
    readers=(Table(id="image_id", path="train_images/{id}", test_path="test_images/{id}"),),
    metric="accuracy",
    submission=SubmissionFormat(id_column="image_id"),
""",
        "[0-4]",
        by_accuracy,
    ),
    "plant-seedlings": Board(
        seedlings,
        """
    readers=(ClassFolders(train="train", test="test", test_ids="name", labelled_ids="name"),),
    metric="micro_f1",
    submission=SubmissionFormat(id_column="file", value_column="species"),
""",
        "Small-flowered Cranesbill|Sugar beet|Maize",
        lambda truth, cells, header: f1_score(truth, [row[0] for row in cells], average="micro"),
    ),
    "paddy-disease": Board(
        of_table(
            train="train_images/{label}/{id}",
            test="test_images/{id}",
            csv="train.csv",
            header="image_id,label,variety,age",
            classes=["blast", "normal", "tungro"],
            name=lambda number: f"{100001 + number}.jpg",
            row=lambda key, label, number: (key, label, "ADT45", 45 + number % 30),
            sample="image_id,label",
            blank=("",),
        ),
        """
    readers=(Table(id="image_id", path="train_images/{label}/{id}", test_path="test_images/{id}"),),
    metric="accuracy",
    submission=SubmissionFormat(id_column="image_id"),
""",
        "blast|normal|tungro",
        by_accuracy,
    ),
    "leaf-classification": Board(
        leaves,
        """
    readers=(
        Table(
            label="species", path="images/{id}.jpg", test_path="images/{id}.jpg", test_csv="test.csv",
            numbers=("margin*", "shape*"),
        ),
    ),
    metric="log_loss",
    submission=SubmissionFormat(value="probabilities", decimals=15),
""",
        NUMBER,
        by_log_loss,
        recipe="known",
    ),
    "aerial-cactus": Board(
        of_table(
            train="train/{id}",
            test="test/{id}",
            csv="train.csv",
            header="id,has_cactus",
            classes=["1", "0"],
            name=lambda number: f"{hexadecimal(number, 32)}.jpg",
            row=lambda key, label, number: (key, label),
            sample="id,has_cactus",
            blank=(0.5,),
        ),
        """
    readers=(Table(label="has_cactus", path="train/{id}", test_path="test/{id}"),),
    metric="auc",
    submission=SubmissionFormat(value_column="has_cactus", value="probability", positive="1", decimals=15),
""",
        NUMBER,
        by_auc("1"),
    ),
    "invasive-species": Board(
        of_table(
            train="train/{id}.jpg",
            test="test/{id}.jpg",
            csv="train_labels.csv",
            header="name,invasive",
            classes=["1", "0"],
            name=lambda number: str(number + 1),
            row=lambda key, label, number: (key, label),
            sample="name,invasive",
            blank=(0.5,),
            test_name=lambda number: str(number - 499),  # train and test both count from 1
        ),
        """
    readers=(Table(csv="train_labels.csv", id="name", label="invasive"),),
    metric="auc",
    submission=SubmissionFormat(
        id_column="name", value_column="invasive", value="probability", positive="1", decimals=15
    ),
""",
        NUMBER,
        by_auc("1"),
        seven_zips=True,
    ),
    "histopathologic-cancer": Board(
        of_table(
            train="train/{id}.tif",
            test="test/{id}.tif",
            csv="train_labels.csv",
            header="id,label",
            classes=["0", "1"],
            name=lambda number: hexadecimal(number, 40),
            row=lambda key, label, number: (key, label),
            sample="id,label",
        ),
        """
    readers=(Table(csv="train_labels.csv", path="train/{id}.tif", test_path="test/{id}.tif"),),
    metric="auc",
    submission=SubmissionFormat(value="probability", positive="1", decimals=15),
""",
        NUMBER,
        by_auc("1"),
    ),
    "siim-isic-melanoma": Board(
        of_table(
            train="jpeg/train/{id}.jpg",
            test="jpeg/test/{id}.jpg",
            csv="train.csv",
            header="image_name,patient_id,sex,age_approx,anatom_site_general_challenge,benign_malignant,target",
            classes=["0", "1"],
            name=lambda number: f"ISIC_{52060 + number:07d}",
            row=lambda key, label, number: (key, f"IP_{number // 3}", *person(number), "benign", label),
            sample="image_name,target",
            test_csv=(
                "image_name,patient_id,sex,age_approx,anatom_site_general_challenge",
                lambda key, number: (key, f"IP_{500 + number}", *person(number)),
            ),
        ),
        """
    readers=(
        Table(
            id="image_name", label="target", group="patient_id",
            path="jpeg/train/{image_name}.jpg", test_path="jpeg/test/{id}.jpg", test_csv="test.csv",
            numbers=("age_approx",), categories=("sex", "anatom_site_general_challenge"),
        ),
    ),
    metric="auc",
    submission=SubmissionFormat(
        id_column="image_name", value_column="target", value="probability", positive="1", decimals=15
    ),
""",
        NUMBER,
        by_auc("1"),
        recipe="known",
    ),
    "plant-pathology-2020": Board(
        plants,
        """
    readers=(
        Table(
            id="image_id",
            label=("healthy", "multiple_diseases", "rust", "scab"),
            path="images/{image_id}.jpg",
            test_path="images/{id}.jpg",
        ),
    ),
    metric="mean_column_auc",
    submission=SubmissionFormat(id_column="image_id", value="columns", decimals=15),
""",
        NUMBER,
        lambda truth, cells, header: float(
            np.mean([roc_auc_score(positive(truth, name), numbers(cells, n)) for n, name in enumerate(header[1:])])
        ),
    ),
    "aptos2019": Board(
        of_table(
            train="train_images/{id}.png",
            test="test_images/{id}.png",
            csv="train.csv",
            header="id_code,diagnosis",
            classes=["0", "1", "2", "3", "4"],
            name=lambda number: hexadecimal(number, 12),
            row=lambda key, label, number: (key, label),
            sample="id_code,diagnosis",
        ),
        """
    readers=(
        Table(id="id_code", label="diagnosis", path="train_images/{id}.png", test_path="test_images/{id}.png"),
    ),
    targets=Ordinal(),
    metric="quadratic_weighted_kappa",
    submission=SubmissionFormat(id_column="id_code", value_column="diagnosis"),
""",
        "[0-4]",
        lambda truth, cells, header: cohen_kappa_score(
            [int(label) for label in truth], [int(row[0]) for row in cells], weights="quadratic", labels=range(5)
        ),
        recipe="decided",
    ),
    "hotel-id-2021": Board(
        hotels,
        """
    readers=(
        Table(id="image", label="hotel_id", path="train_images/{chain}/{image}", test_path="test_images/{id}"),
    ),
    metric="map@5",
    submission=SubmissionFormat(id_column="image", value_column="hotel_id", value="top", top=5),
""",
        r"\d+( \d+){0,4}",
        by_map5,
    ),
}


def imet(folder: Path) -> dict[str, Any]:
    """Several attributes a picture, some rare; numbers separated by blanks; an empty list is allowed."""
    random, truth = np.random.default_rng(3), {}
    marks = random.random((90, 4)) < (0.5, 0.4, 0.3, 0.1)
    names = np.array(["13", "147", "616", "2048"])
    for number, row in enumerate(marks):
        key = hexadecimal(number, 32)
        write_image(folder / "train" / f"{key}.png", quarters(row.astype(float), number))
        truth[key] = set(names[row])
    table(
        folder / "train.csv", "id,attribute_ids", [(key, " ".join(sorted(has, key=int))) for key, has in truth.items()]
    )
    table(folder / "labels.csv", "attribute_id,attribute_name", [(name, f"tags::{name}") for name in names])
    keys = [hexadecimal(number, 32) for number in range(500, 506)]
    for number, key in enumerate(keys):
        write_image(folder / "test" / f"{key}.png", quarters(marks[number].astype(float), 900 + number))
    table(folder / "sample_submission.csv", "id,attribute_ids", [(key, "0 1 2") for key in keys])
    return truth


def by_micro_f1(truth: Truth, cells: Cells, header: list[str]) -> float:
    given = [set(row[0].split(" ")) - {""} for row in cells]
    hits = sum(len(has & got) for has, got in zip(truth, given, strict=True))
    return 2 * hits / (sum(map(len, truth)) + sum(map(len, given)))


BOARDS["imet-2020"] = Board(
    imet,
    """
    readers=(Table(label="attribute_ids", path="train/{id}.png", test_path="test/{id}.png", empty=True),),
    targets=Multilabel(),
    metric="micro_f1",
    submission=SubmissionFormat(value_column="attribute_ids", value="labels"),
""",
    r"|\d+( \d+)*",
    by_micro_f1,
    recipe="decided",
)


def check(board: Board, sample: Path, header: list[str], rows: dict[str, list[str]]) -> list[str]:
    """What an organiser's strict checker would say of a CSV of the test; empty if it is accepted."""
    first, *lines = sample.read_text().splitlines()
    wanted = [line.split(",")[0] for line in lines]
    wrong = [] if header == first.split(",") else [f"header {header}"]
    wrong += [] if sorted(rows) == sorted(wanted) else [f"ids {sorted(rows)[:3]} for {sorted(wanted)[:3]}"]
    wrong += [f"{name}: {cell!r}" for name, row in rows.items() for cell in row if not re.fullmatch(board.cells, cell)]
    return wrong
