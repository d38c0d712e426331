"""Which two submissions are named: the best by hold-out, and a good one that is unlike it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.kaggle.ledger import Entry
from harness.kaggle.selection import select, unlikeness
from harness.scoring.lint import digest
from harness.scoring.submission_format import SubmissionFormat

FORM = SubmissionFormat(value="probability", positive="1")


def sent(folder: Path, name: str, holdout: float | None, values: np.ndarray, **changes) -> Entry:
    file = folder / f"{name}.csv"
    file.write_text("id,label\n" + "".join(f"{n},{value:.6f}\n" for n, value in enumerate(values)))
    made = {"time": "", "slug": "pets", "recipe": "", "run": "", "status": "complete"}
    return Entry(file=file.name, sha256=digest(file), holdout=holdout, **(made | changes))


def test_the_best_and_the_least_like_it_of_the_better_half(tmp_path: Path):
    random = np.random.default_rng(0)
    truth = random.random(200)

    def near(noise: float) -> np.ndarray:
        return truth + noise * random.normal(size=200)

    entries = [
        sent(tmp_path, "best", 0.10, near(0.01)),
        sent(tmp_path, "twin", 0.11, near(0.01)),
        sent(tmp_path, "unlike", 0.12, near(0.3)),
        sent(tmp_path, "bad", 0.30, random.random(200)),
        sent(tmp_path, "worse", 0.40, random.random(200)),
    ]
    found = select(entries, tmp_path, FORM, higher_is_better=False)
    assert found is not None and (found.best.file, found.other.file) == ("best.csv", "unlike.csv")
    values = [np.loadtxt(tmp_path / f"{name}.csv", delimiter=",", skiprows=1)[:, 1] for name in ("best", "unlike")]
    assert found.unlike == pytest.approx(1 - np.corrcoef(values)[0, 1])
    assert "two to select: best.csv (the best hold-out score, 0.1) and unlike.csv (hold-out 0.12" in str(found)
    found = select(entries, tmp_path, FORM, higher_is_better=True)
    assert found is not None and found.best.file == "worse.csv"


def test_nothing_is_named_without_three_that_are_scored_and_still_there(tmp_path: Path):
    values = np.random.default_rng(0).random(20)
    entries = [sent(tmp_path, name, 0.1, values + number / 100) for number, name in enumerate("abc")]
    assert select(entries, tmp_path, FORM, True) is not None
    assert select(entries[:2], tmp_path, FORM, True) is None
    assert select([*entries[:2], entries[2].changed(status="pending")], tmp_path, FORM, True) is None
    assert select([*entries[:2], entries[2].changed(holdout=None)], tmp_path, FORM, True) is None
    (tmp_path / "c.csv").write_text("changed")
    assert select(entries, tmp_path, FORM, True) is None


def test_classes_are_compared_by_the_rows_that_differ():
    names = {"1": ["cat"], "2": ["dog"], "3": ["cat"], "4": ["cat"]}
    assert unlikeness(names, names) == 0.0
    assert unlikeness(names, names | {"4": ["dog"]}) == 0.25
    numbers = {"1": ["0"], "2": ["7"], "3": ["3"], "4": ["1"]}
    assert unlikeness(numbers, numbers | {"4": ["9"], "3": ["0"]}) == 0.5
    assert unlikeness(names, {"5": ["cat"]}) == 0.0
    constant = {"1": ["0.5"], "2": ["0.5"]}
    assert unlikeness(constant, {"1": ["0.1"], "2": ["0.5"]}) == 0.5


def test_files_of_another_separator_and_without_a_header_are_compared_too(tmp_path: Path):
    random = np.random.default_rng(0)
    form = SubmissionFormat(value="probability", positive="1", separator=";", header=False)
    entries = [sent(tmp_path, name, 0.1, random.random(20)) for name in "abc"]
    for place, entry in enumerate(entries):
        file = tmp_path / entry.file
        file.write_text("".join(file.read_text().replace(",", ";").splitlines(keepends=True)[1:]))
        entries[place] = entry.changed(sha256=digest(file))
    found = select(entries, tmp_path, form, higher_is_better=False)
    values = [np.loadtxt(tmp_path / f"{name}.csv", delimiter=";")[:, 1] for name in "ab"]
    assert found is not None and found.unlike == pytest.approx(1 - np.corrcoef(values)[0, 1])
