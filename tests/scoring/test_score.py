"""The hold-out score of anybody's CSV."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from harness.data.dataset import Dataset
from harness.data.targets import Multilabel
from harness.scoring.leaderboard import Leaderboard, Point
from harness.scoring.metrics import METRICS
from harness.scoring.score import read_answers, score_file
from harness.utils.errors import UserError
from tests.conftest import declared, drawn

NO_BOARD = Leaderboard((), METRICS["accuracy"])
SPLITS = ["train"] * 10 + ["holdout"] * 20


def scored(file: Path, dataset: Dataset, board: Leaderboard = NO_BOARD, answers: Path | None = None) -> str:
    """The score by the metric of the board, in words."""
    return str(score_file(file, declared().submission, board.metric, dataset, board, answers))


def write(path: Path, dataset, wrong: int) -> Path:
    """A CSV for the hold-out, in backward order, with so many wrong rows."""
    rows = dataset.rows("holdout")
    labels = dataset.labels[rows].copy()
    labels[:wrong] = (labels[:wrong] + 1) % 3
    lines = [f"{dataset.ids[row]},{dataset.classes[label]}\n" for row, label in zip(rows, labels, strict=True)]
    path.write_text("id,label\n" + "".join(reversed(lines)))
    return path


@pytest.mark.parametrize(("wrong", "accuracy"), [(0, "1.0000"), (3, "0.8500"), (20, "0.0000")])
def test_a_csv_is_scored_by_id(tmp_path: Path, wrong, accuracy):
    dataset = drawn(30, splits=SPLITS)
    told = scored(write(tmp_path / "x.csv", dataset, wrong), dataset)
    assert f"accuracy {accuracy} (" in told and "20 hold-out images" in told and "rank" not in told


def test_the_place_on_the_board_is_told_where_there_is_one(tmp_path: Path):
    dataset = drawn(30, splits=SPLITS)
    board = Leaderboard((Point(1, 0.99, "a", "b"), Point(9, 0.8, "a", "b")), METRICS["accuracy"])
    told = scored(write(tmp_path / "x.csv", dataset, 3), dataset, board)
    assert "rank: not known from 20 images" in told and "the interval spans rank 4 and worse" in told


def test_a_metric_of_another_direction_places_the_other_way(tmp_path: Path):
    dataset = drawn(30, splits=SPLITS)
    board = Leaderboard((Point(1, 0.01, "a", "b"), Point(9, 0.2, "a", "b")), METRICS["error"])
    told = scored(write(tmp_path / "x.csv", dataset, 3), dataset, board)
    assert "top-1 error 0.1500" in told and "the interval spans rank" in told


def test_without_a_hold_out_there_is_no_score(tmp_path: Path):
    dataset = drawn(10)
    (tmp_path / "x.csv").write_text("id,label\n")
    with pytest.raises(UserError, match="no hold-out to score on"):
        scored(tmp_path / "x.csv", dataset)


def test_scoring_a_file_for_other_images_is_refused(tmp_path: Path):
    dataset = drawn(30, splits=SPLITS)
    (tmp_path / "x.csv").write_text("id,label\n" + "".join(f"{i},a\n" for i in range(20)))
    with pytest.raises(UserError, match=r"20 ids are missing(.|\n)*20 ids are not expected"):
        scored(tmp_path / "x.csv", dataset)


def test_rows_that_the_organiser_does_not_score_count_for_nothing(tmp_path: Path):
    """Kaggle's CIFAR-10: most of the rows asked for are junk, whatever is said of them."""
    ids = [str(number) for number in range(1, 31)]
    truth = {name: "abc"[int(name) % 3] for name in ids[::3]}
    (tmp_path / "answers.csv").write_text(
        "id,label,Usage\n" + "".join(f"{name},{truth.get(name, 'junk')},Public\n" for name in ids)
    )
    guesses = dict.fromkeys(ids, "c") | truth | {ids[0]: "c"}  # one of the ten that count is wrong
    file = tmp_path / "x.csv"
    file.write_text("id,label\n" + "".join(f"{name},{guess}\n" for name, guess in guesses.items()))
    told = scored(file, drawn(10), answers=tmp_path / "answers.csv")
    assert "accuracy 0.9000 (" in told and "10 images of answers.csv (20 more are not scored)" in told
    file.write_text("id,label\n" + "".join(f"{name},{label}\n" for name, label in truth.items()))
    with pytest.raises(UserError, match="20 ids are missing"):  # junk is not scored, but it must be there
        scored(file, drawn(10), answers=tmp_path / "answers.csv")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("id,label\n1,frog\n", "not classes"),
        ("id,label\n1,\n", "no label at all"),
        ("id,label\n1\n", "not classes"),
        ("", "not a CSV with a header"),
        ("id,label\n1,a\n1,b\n", "1 ids twice"),
    ],
)
def test_answers_that_are_none_are_refused_in_words(tmp_path: Path, text, told):
    (tmp_path / "answers.csv").write_text(text)
    with pytest.raises(UserError, match=told):
        scored(tmp_path / "x.csv", drawn(10), answers=tmp_path / "answers.csv")
    with pytest.raises(UserError, match="is a folder, not a CSV of answers"):
        scored(tmp_path / "x.csv", drawn(10), answers=tmp_path)
    with pytest.raises(UserError, match="no file"):
        scored(tmp_path / "x.csv", drawn(10), answers=tmp_path / "none.csv")


# Answers of several labels, as columns of 0 and 1.

LABELS = ("rust", "scab")
SEVERAL = Multilabel()


@pytest.mark.parametrize("unscored", ["-1,-1", ",", "junk,junk", "-1.0,-1.0", "NaN,nan"])
def test_marks_may_be_written_as_numbers_and_rows_that_are_not_scored_are_none(tmp_path: Path, unscored: str):
    path = tmp_path / "answers.csv"
    path.write_text(f"id,scab,rust\na,1,0\nb,{unscored}\nc,0.0,1.0\nd,0,0\n")
    ids, labels = read_answers(path, LABELS, SEVERAL)
    assert ids == ("a", "b", "c", "d")
    assert SEVERAL.is_labelled(labels).tolist() == [True, False, True, True]
    assert labels[[0, 2, 3]].tolist() == [[0, 1], [1, 0], [0, 0]]


@pytest.mark.parametrize("wrong", ["1,2", "yes,no", "-1,1", "1,", "0.5,0"])
def test_marks_that_are_neither_are_refused(tmp_path: Path, wrong: str):
    (tmp_path / "answers.csv").write_text(f"id,rust,scab\na,1,0\nb,{wrong}\n")
    with pytest.raises(UserError, match=r"1 rows hold something else than 0 and 1 .* \(b\)"):
        read_answers(tmp_path / "answers.csv", LABELS, SEVERAL)


def test_the_interval_is_over_groups_where_rows_are_not_independent(tmp_path: Path):
    alone = drawn(30, splits=SPLITS)
    patients = dataclasses.replace(alone, groups=np.arange(30) // 5, grouped=True)
    file = write(tmp_path / "x.csv", alone, 5)  # all images of one patient
    form = declared().submission
    found = [score_file(file, form, METRICS["accuracy"], one, NO_BOARD).interval for one in (alone, patients)]
    assert found[0].score == found[1].score == 0.75
    assert found[1].high - found[1].low > 1.3 * (found[0].high - found[0].low)


def test_a_class_may_be_called_junk(tmp_path: Path):
    (tmp_path / "answers.csv").write_text("id,label\n1,junk\n2,a\n3,ignored\n")
    _, labels = read_answers(tmp_path / "answers.csv", ("a", "junk"))
    assert labels.tolist() == [1, 0, -1]
