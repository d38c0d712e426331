"""The local score of a CSV, and its rank on the leaderboard."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.data.dataset import Dataset
from harness.data.splits import HOLDOUT
from harness.data.targets import MULTICLASS, Label, Targets
from harness.scoring import submission_csv
from harness.scoring.leaderboard import Leaderboard
from harness.scoring.metrics import Interval, Metric
from harness.scoring.submission_format import SubmissionFormat
from harness.utils.errors import UserError, some

# Labels that mean "no label": such rows must be in the file and are not scored.
JUNK = frozenset({"", "junk", "ignored"})
# The same of columns of 0 and 1, as Kaggle and pandas write it.
NOT_SCORED = JUNK | {"-1", "-1.0", "nan"}


@dataclass(frozen=True)
class Score:
    """The local score of a CSV.

    Args:
        metric: the metric's name for people.
        interval: the score with its 95 % interval.
        rows: what it was scored on, in words.
        rank: where it would stand on the leaderboard, in words; None where that is not known.
    """

    metric: str
    interval: Interval
    rows: str
    rank: str | None

    def __float__(self) -> float:
        return self.interval.score

    def __str__(self) -> str:
        line = f"score: {self.metric} {self.interval} with 95 % {self.interval.how} interval, on {self.rows}"
        return line + (f"\nrank: {self.rank}" if self.rank else "")

    def __repr__(self) -> str:
        return f"Score({self.metric} {self.interval}, {self.rows})"


def score_file(
    file: Path,
    form: SubmissionFormat,
    metric: Metric,
    dataset: Dataset,
    board: Leaderboard,
    answers: Path | None = None,
) -> Score:
    """Score a CSV by id.

    Args:
        file: a CSV of any origin.
        form: the format of the competition's CSV.
        metric: the competition's metric.
        dataset: the data set, for the hold-out's labels and the classes.
        board: the leaderboard to compare the score with.
        answers: a CSV of ids and labels to score on in place of the hold-out. Rows whose label is empty, "junk" or
            "ignored" must be in the file and are not scored, like 290,000 of CIFAR-10's 300,000 rows on Kaggle.

    Raises:
        UserError: there is no hold-out, or the file is not a submission for the rows to score.
    """
    if answers is None:
        ids = dataset.row_ids(HOLDOUT)
        if not ids:
            raise UserError("there is no hold-out to score on.", "set holdout= in the competition's competition.py")
        labels, groups = dataset.labels_of(ids), dataset.groups_of(ids)
        scored_on = f"{len(ids):,} hold-out {'images' if dataset.first_of is None else 'rows'}"
    else:
        ids, labels = read_answers(answers, dataset.classes, dataset.targets)
        groups = None
        unscored = int((~dataset.targets.is_labelled(labels)).sum())
        scored_on = f"{len(ids) - unscored:,} images of {answers.name}"
        if unscored:
            scored_on += f" ({unscored:,} more are not scored)"
    predictions = submission_csv.read(form, file, ids, dataset.classes)
    is_scored = dataset.targets.is_labelled(labels)
    interval = metric.interval(
        labels[is_scored], predictions.probabilities[is_scored], None if groups is None else groups[is_scored]
    )
    return Score(metric.title, interval, scored_on, board.words(interval, int(is_scored.sum())))


def read_answers(
    path: Path, classes: tuple[str, ...], targets: Targets = MULTICLASS
) -> tuple[tuple[str, ...], np.ndarray]:
    """Read the ids and labels to score on: a CSV with a header, the id in its first column and the label in the second.

    Several labels may also be columns of 0 and 1, in any order after the first column; a row that is not scored has
    empty cells there, or -1.

    Returns:
        The ids, and their labels, of the form that ``targets`` has; rows that are not scored have none.

    Raises:
        UserError: the file is missing, or a label is none of the kind.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header, *rows = [row for row in csv.reader(file) if row]
    except FileNotFoundError:
        raise UserError(f"there is no file {path}.", "check the path after --answers") from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder, not a CSV of answers.", "give a file after --answers") from None
    except (ValueError, csv.Error) as error:
        raise UserError(f"{path} is not a CSV with a header: {error}.", "its columns are id,label") from None
    duplicates = [name for name, count in Counter(row[0] for row in rows).items() if count > 1]
    if duplicates:
        raise UserError(f"{path} has {len(duplicates):,} ids twice ({some(duplicates, 3)}).", "give each id one line")
    ids = tuple(row[0] for row in rows)
    found = _labels(path, header, rows, classes, targets)
    if targets.link == "softmax":
        unknown = [label for label in found if label is not None and label not in classes]
        if unknown or not any(label in classes for label in found):
            counted = f"{len(unknown):,} labels that are not classes ({some([*map(str, unknown)], 3)})"
            raise UserError(
                f"{path} has {counted if unknown else 'no label at all'}.",
                "its columns are id,label; leave the label of unscored rows empty",
            )
    return ids, targets.parse(targets.cells(found, classes, ids), classes)


def _labels(
    path: Path, header: list[str], rows: list[list[str]], classes: tuple[str, ...], targets: Targets
) -> list[Label]:
    """Each row's label as a reader would find it; None for a row that is not scored."""
    if targets.link == "sigmoid" and set(classes) <= set(header[1:]):
        places = [header.index(name) for name in classes]
        marks = [[row[place].strip() if place < len(row) else "" for place in places] for row in rows]
        wrong = [row[0] for row, cells in zip(rows, marks, strict=True) if not _is_marked(cells)]
        if wrong:
            raise UserError(
                f"{path}: {len(wrong):,} rows hold something else than 0 and 1 in the labels' columns "
                f"({some(wrong, 3)}).",
                "write 0 or 1 in each; leave all of them empty, or -1, in rows that are not scored",
            )
        return [_named(classes, cells) for cells in marks]
    junk = JUNK - {""} if targets.may_be_empty else JUNK
    cells = [row[1] if len(row) > 1 else "no second column" for row in rows]
    return [None if cell.lower() in junk and cell not in classes else cell for cell in cells]


def _is_marked(cells: list[str]) -> bool:
    """Whether the cells of a row's labels are marks of 0 and 1, or all say that the row is not scored."""
    return all(cell.lower() in NOT_SCORED for cell in cells) or all(_mark(cell) is not None for cell in cells)


def _named(classes: tuple[str, ...], cells: list[str]) -> Label:
    """The labels that have a 1; None for a row that is not scored."""
    if all(cell.lower() in NOT_SCORED for cell in cells):
        return None
    return tuple(name for name, cell in zip(classes, cells, strict=True) if _mark(cell) == 1)


def _mark(cell: str) -> float | None:
    """0 or 1, also written as 1.0; None for anything else."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if value in (0, 1) else None
