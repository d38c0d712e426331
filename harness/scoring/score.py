"""The hold-out score of a CSV, and the place it would take."""

from __future__ import annotations

from pathlib import Path

from harness.competition import Competition
from harness.data.dataset import Dataset
from harness.data.readers.reader import HOLDOUT
from harness.errors import UserError
from harness.metrics import METRICS, bootstrap
from harness.scoring.leaderboard import Leaderboard


def score_file(competition: Competition, dataset: Dataset, file: Path) -> str:
    """Score a CSV by id against the hold-out's labels, in words.

    Raises:
        UserError: there is no hold-out, or the file is not a submission for it.
    """
    rows = dataset.rows(HOLDOUT)
    if not len(rows):
        raise UserError(f"{competition.name} has no hold-out to score on.", "set holdout= in its competition.py")
    ids = tuple(dataset.ids[row] for row in rows)
    predictions = competition.submission.read(file, ids, dataset.classes)
    metric = METRICS[competition.metric]
    found = bootstrap(metric.rows(dataset.labels[rows], predictions.probabilities))
    board = Leaderboard.load(competition.folder / "leaderboard.csv", metric)
    place = board.words(found.score)
    line = f"score: {metric.title} {found} with 95 % bootstrap interval, on {len(rows):,} hold-out images"
    return line + (f"\nplace: {place}" if place else "")
