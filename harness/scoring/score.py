"""The local score of a CSV, and the place it would take."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np

from harness.competition import Competition
from harness.data.dataset import Dataset
from harness.data.readers.reader import HOLDOUT
from harness.errors import UserError, some
from harness.metrics import METRICS, bootstrap
from harness.scoring.leaderboard import Leaderboard

# Labels that stand for "no label": such rows are asked for and not scored.
JUNK = frozenset({"", "junk", "ignored"})


def score_file(
    competition: Competition, dataset: Dataset, file: Path, board: Leaderboard, answers: Path | None = None
) -> str:
    """Score a CSV by id, in words.

    Args:
        competition: its metric and format.
        dataset: the hold-out's labels, and the classes.
        file: anybody's CSV.
        board: to place the score on.
        answers: a CSV of ids and labels to score on in place of the hold-out; rows whose label is empty, "junk" or
            "ignored" must be in the file and are not scored, as 290,000 of CIFAR-10's 300,000 on Kaggle are not.

    Raises:
        UserError: there is no hold-out, or the file is not a submission for those rows.
    """
    if answers is None:
        rows = dataset.rows(HOLDOUT)
        if not len(rows):
            raise UserError(f"{competition.name} has no hold-out to score on.", "set holdout= in its competition.py")
        ids, labels = tuple(dataset.ids[row] for row in rows), dataset.labels[rows]
        on = f"{len(ids):,} hold-out images"
    else:
        ids, labels = read_answers(answers, dataset.classes)
        junk = int((labels < 0).sum())
        on = f"{len(ids) - junk:,} images of {answers.name}" + (f" ({junk:,} more are not scored)" if junk else "")
    predictions = competition.submission.read(file, ids, dataset.classes)
    metric = METRICS[competition.metric]
    scored = labels >= 0
    found = bootstrap(metric.rows(labels[scored], predictions.probabilities[scored]))
    place = board.words(found)
    line = f"score: {metric.title} {found} with 95 % bootstrap interval, on {on}"
    return line + (f"\nplace: {place}" if place else "")


def read_answers(path: Path, classes: tuple[str, ...]) -> tuple[tuple[str, ...], np.ndarray]:
    """Ids and labels to score on, from a CSV with a header whose first two columns are the id and the class's name.

    Returns:
        The ids, and for each the number of its class, -1 where it is not scored: (n,) int.

    Raises:
        UserError: the file is missing, or a label is no class.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            _, *lines = [line for line in csv.reader(file) if line]
    except FileNotFoundError:
        raise UserError(f"there is no file {path}.", "check the path after --answers") from None
    except (ValueError, csv.Error) as error:
        raise UserError(f"{path} is not a CSV with a header: {error}.", "its columns are id,label") from None
    numbers = dict.fromkeys(JUNK, -1) | {name: number for number, name in enumerate(classes)}
    twice = [name for name, count in Counter(line[0] for line in lines).items() if count > 1]
    if twice:
        raise UserError(f"{path} has {len(twice):,} ids twice ({some(twice, 3)}).", "give each id one line")
    labels = [line[1] if len(line) > 1 else "no second column" for line in lines]
    wrong = [label for label in labels if label not in numbers and label.lower() not in JUNK]
    if wrong or not any(label in classes for label in labels):
        told = f"{len(wrong):,} labels that are no class ({some(wrong, 3)})" if wrong else "no label at all"
        raise UserError(f"{path} has {told}.", "its columns are id,label; leave the label of unscored rows empty")
    return tuple(line[0] for line in lines), np.array([numbers.get(label, -1) for label in labels])
