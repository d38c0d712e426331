"""Submission CSVs: what is written is read back, joined by id, and every defect is told at once."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.scoring import submission_csv
from harness.scoring.lint import examine
from harness.scoring.metrics import METRICS
from harness.scoring.predictions import Predictions
from harness.scoring.submission_format import SubmissionFormat
from harness.utils.errors import UserError

CLASSES = ("cat", "dog")
BY_NAME = SubmissionFormat(id_column="ImageId", value_column="Label", value="class")
BY_NUMBER = SubmissionFormat(value="number")
BY_PROBABILITY = SubmissionFormat(value="probability", positive="dog")
BY_COLUMNS = SubmissionFormat(value="probabilities")
HEADLESS = SubmissionFormat(value="class", separator=" ", header=False)


def predictions(ids: tuple[str, ...], dog: list[float]) -> Predictions:
    dogs = np.array(dog, np.float32)
    return Predictions(ids, CLASSES, np.stack([1 - dogs, dogs], axis=1))


ids = st.lists(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1), min_size=1, unique=True)


@pytest.mark.parametrize("format", [BY_NAME, BY_NUMBER, BY_PROBABILITY, BY_COLUMNS, HEADLESS])
@given(names=ids, data=st.data())
def test_what_is_written_is_read_back(format, names, data, tmp_path_factory):
    dogs = data.draw(st.lists(st.floats(0, 1, width=32), min_size=len(names), max_size=len(names)))
    given_ = predictions(tuple(names), dogs)
    file = tmp_path_factory.getbasetemp() / "submission.csv"
    submission_csv.write(format, file, given_)
    found = submission_csv.read(format, file, tuple(reversed(names)), CLASSES)
    assert found.ids == tuple(reversed(names))
    if format in (BY_PROBABILITY, BY_COLUMNS):
        assert np.allclose(found.of(given_.ids), given_.probabilities, atol=1e-6)
    else:
        assert (found.of(given_.ids).argmax(axis=1) == given_.probabilities.argmax(axis=1)).all()


WHOLE = SubmissionFormat(value="quantity", decimals=0)


@given(st.lists(st.floats(-1e9, 1e9, width=32), min_size=1, max_size=30))
def test_whole_numbers_are_written_where_the_board_asks_for_them(values: list[float]):
    names = tuple(str(number) for number in range(len(values)))
    text = submission_csv.render(WHOLE, Predictions(names, ("value",), np.array(values, np.float32)[:, None]))
    cells = [line.partition(",")[2] for line in text.splitlines()[1:]]
    assert all(re.fullmatch(r"0|-?[1-9]\d*", cell) for cell in cells)
    assert all(abs(int(cell) - value) <= 0.5 for cell, value in zip(cells, values, strict=True))
    assert examine(WHOLE, text.encode(), names, ("value",))[0] == []
    spoilt = text.replace(f"\n0,{cells[0]}\n", f"\n0,{cells[0]}.5\n").encode()
    defects, found = examine(WHOLE, spoilt, names, ("value",))
    assert [(defect.kind, defect.severity) for defect in defects] == [("whole", "error")]
    assert found is not None and abs(found.probabilities[0, 0]) == abs(int(cells[0])) + 0.5
    assert examine(dataclasses.replace(WHOLE, decimals=6), spoilt, names, ("value",))[0] == []


def test_decided_columns_hold_what_the_metrics_take_as_given():
    form = SubmissionFormat(value="columns", decimals=0)
    given = Predictions(("1", "2"), ("a", "b"), np.array([[0.5, 0.25], [0.4999, 1.0]], np.float32))
    assert submission_csv.render(form, given) == "id,a,b\n1,1,0\n2,0,1\n"


@pytest.mark.parametrize(
    ("format", "text"),
    [
        (BY_NAME, "ImageId,Label\n1,dog\n2,cat\n"),
        (BY_NUMBER, "id,label\n1,1\n2,0\n"),
        (BY_PROBABILITY, "id,label\n1,0.900000\n2,0.200000\n"),
        (BY_COLUMNS, "id,cat,dog\n1,0.100000,0.900000\n2,0.800000,0.200000\n"),
        (HEADLESS, "1 dog\n2 cat\n"),
    ],
)
def test_each_format_looks_as_its_competition_wants_it(format, text):
    assert submission_csv.render(format, predictions(("1", "2"), [0.9, 0.2])) == text


def test_a_byte_order_mark_and_another_order_are_no_defect(tmp_path: Path):
    file = tmp_path / "theirs.csv"
    file.write_text("\ufeffImageId,Label\r\n2,cat\r\n1,dog\r\n", encoding="utf-8")
    assert submission_csv.read(BY_NAME, file, ("1", "2"), CLASSES).probabilities.tolist() == [[0, 1], [1, 0]]


def test_every_defect_is_told_at_once_with_counts_and_examples():
    text = "ImageID,Label\n1,dog\n1,cat\n3,horse\n9,dog\n4,dog,extra\n"
    with pytest.raises(UserError) as refused:
        submission_csv.parse(BY_NAME, text.encode(), ("1", "2", "3"), CLASSES, "theirs.csv")
    for told in (
        "theirs.csv",
        "'ImageId,Label'",
        "1 ids are missing (2)",
        "1 ids are not expected (9)",
        "1 ids occur more than once (1)",
        "1 lines do not have two columns (line 6)",
        "1 values are not names of classes ('horse' for 3)",
    ):
        assert told in refused.value.what


@pytest.mark.parametrize("value", ["1.5", "-0.1", "nan", "inf", "", "dog"])
def test_what_is_no_probability_is_refused(value):
    with pytest.raises(UserError, match="between 0 and 1"):
        submission_csv.parse(BY_PROBABILITY, f"id,label\n1,{value}\n".encode(), ("1",), CLASSES, "x")


@pytest.mark.parametrize("value", ["2", "-1", "1.0", "dog", ""])
def test_what_is_no_class_number_is_refused(value):
    with pytest.raises(UserError, match="from 0 to 1"):
        submission_csv.parse(BY_NUMBER, f"id,label\n1,{value}\n".encode(), ("1",), CLASSES, "x")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"\x00\x01\x02", b"id"])
def test_what_is_no_csv_is_refused_in_words(tmp_path: Path, content: bytes):
    file = tmp_path / "odd.csv"
    file.write_bytes(content)
    with pytest.raises(UserError):
        submission_csv.read(BY_NAME, file, ("1",), CLASSES)


def test_a_folder_and_a_broken_csv_are_refused_in_words(tmp_path: Path):
    with pytest.raises(UserError, match="is a folder"):
        submission_csv.read(BY_NAME, tmp_path, ("1",), CLASSES)
    (tmp_path / "endless.csv").write_text('ImageId,Label\n1,"' + "x" * 200_000)
    with pytest.raises(UserError, match="is not a CSV"):
        submission_csv.read(BY_NAME, tmp_path / "endless.csv", ("1",), CLASSES)


def test_line_ends_of_any_system_are_no_defect(tmp_path: Path):
    for end in (b"\n", b"\r\n", b"\r"):
        (tmp_path / "x.csv").write_bytes(end.join([b"ImageId,Label", b"1,dog", b"2,cat", b""]))
        found = submission_csv.read(BY_NAME, tmp_path / "x.csv", ("1", "2"), CLASSES)
        assert found.probabilities.tolist() == [[0, 1], [1, 0]]


def test_a_missing_file_is_told_with_the_command_that_writes_one(tmp_path: Path):
    with pytest.raises(UserError, match="no file") as refused:
        submission_csv.read(BY_NAME, tmp_path / "none.csv", ("1",), CLASSES)
    assert "harness submit" in str(refused.value.fix)


def test_nothing_is_written_that_could_not_be_read_back(tmp_path: Path):
    twice = predictions(("1", "1"), [0.1, 0.2])
    with pytest.raises(UserError):
        submission_csv.write(BY_NAME, tmp_path / "bad.csv", twice)
    assert list(tmp_path.iterdir()) == []


# Lists of classes.

TOP = SubmissionFormat(id_column="image", value_column="hotel_id", value="top", top=3)
HOTELS = ("7", "12", "3", "40")


def test_a_list_holds_the_most_probable_classes_best_first():
    made = Predictions(("a.jpg", "b.jpg"), HOTELS, np.array([[0.1, 0.4, 0.2, 0.3], [0.5, 0, 0.5, 0]], np.float32))
    assert submission_csv.render(TOP, made) == "image,hotel_id\na.jpg,12 40 3\nb.jpg,7 3\n"


@given(st.integers(0, 10**6), st.sampled_from(["map@3", "top3_accuracy", "accuracy"]))
def test_a_csv_of_lists_scores_as_the_predictions_do(seed, metric):
    random = np.random.default_rng(seed)
    rows = tuple(map(str, range(12)))
    made = Predictions(rows, HOTELS, random.dirichlet(np.ones(4) * 0.3, 12).astype(np.float32))
    content = submission_csv.render(TOP, made).encode()
    found = submission_csv.parse(TOP, content, rows, HOTELS, "made.csv")
    labels = random.integers(0, 4, 12)
    assert METRICS[metric].score(labels, found.probabilities) == METRICS[metric].score(labels, made.probabilities)


def test_what_comes_after_the_last_place_does_not_count():
    found = submission_csv.parse(TOP, b"image,hotel_id\na,12 40 3 7\n", ("a",), HOTELS, "made.csv")
    assert METRICS["map@5"].score(np.array([0]), found.probabilities) == 0
    assert METRICS["map@5"].score(np.array([2]), found.probabilities) == 1 / 3


@pytest.mark.parametrize(
    ("cell", "problem"), [("12 12", "a class twice"), ("12 99", "not a class"), ("", "lists are empty")]
)
def test_a_list_with_a_mistake_is_refused(cell, problem):
    with pytest.raises(UserError, match=problem):
        submission_csv.parse(TOP, f"image,hotel_id\na,{cell}\n".encode(), ("a",), HOTELS, "made.csv")


def test_names_with_blanks_cannot_be_listed():
    with pytest.raises(UserError, match="have blanks: sugar beet"):
        TOP.check(("charlock", "sugar beet"))


def test_a_csv_is_read_as_exactly_as_it_is_written():
    """Values that are one number in float32 keep their order."""
    content = b"id,label\na,0.50000000000001\nb,0.50000000000002\n"
    found = submission_csv.parse(BY_PROBABILITY, content, ("a", "b"), CLASSES, "made.csv")
    assert METRICS["auc"].score(np.array([0, 1]), found.probabilities) == 1
