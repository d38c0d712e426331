"""The hold-out score of anybody's CSV."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UserError
from harness.scoring.score import score_file
from tests.conftest import declared, drawn

SPLITS = ["train"] * 10 + ["holdout"] * 20


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
    told = score_file(declared(folder=tmp_path), dataset, write(tmp_path / "x.csv", dataset, wrong))
    assert f"accuracy {accuracy} (" in told and "20 hold-out images" in told and "place" not in told


def test_the_place_on_the_board_is_told_where_there_is_one(tmp_path: Path):
    dataset = drawn(30, splits=SPLITS)
    (tmp_path / "leaderboard.csv").write_text("rank,score,kind,source\n1,0.99,a,b\n9,0.8,a,b\n")
    told = score_file(declared(folder=tmp_path), dataset, write(tmp_path / "x.csv", dataset, 3))
    assert "place: between place 2 and 9" in told


def test_a_metric_of_another_direction_places_the_other_way(tmp_path: Path):
    dataset = drawn(30, splits=SPLITS)
    (tmp_path / "leaderboard.csv").write_text("rank,score,kind,source\n1,0.01,a,b\n9,0.2,a,b\n")
    told = score_file(declared(folder=tmp_path, metric="error"), dataset, write(tmp_path / "x.csv", dataset, 3))
    assert "rank-1 error 0.1500" in told and "place: between place 2 and 9" in told


def test_without_a_hold_out_there_is_no_score(tmp_path: Path):
    dataset = drawn(10)
    (tmp_path / "x.csv").write_text("id,label\n")
    with pytest.raises(UserError, match="no hold-out to score on"):
        score_file(declared(folder=tmp_path), dataset, tmp_path / "x.csv")


def test_scoring_a_file_for_other_images_is_refused(tmp_path: Path):
    dataset = drawn(30, splits=SPLITS)
    (tmp_path / "x.csv").write_text("id,label\n" + "".join(f"{i},a\n" for i in range(20)))
    with pytest.raises(UserError, match=r"20 ids are missing(.|\n)*20 ids are not asked for"):
        score_file(declared(folder=tmp_path), dataset, tmp_path / "x.csv")
