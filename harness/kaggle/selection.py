"""A hint which two submissions to select for the private leaderboard. Kaggle's API cannot select them: its site can."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.kaggle.ledger import COMPLETE, Entry
from harness.scoring.lint import digest
from harness.scoring.submission_format import SubmissionFormat

FEWEST = 3  # submissions among which there is something to choose


@dataclass(frozen=True)
class Selection:
    """Two submissions.

    Args:
        best: the one with the best hold-out score.
        other: of the better half by hold-out score, the one least like it.
        unlike: how unlike they are, from 0 for the same; see ``unlikeness``.
    """

    best: Entry
    other: Entry
    unlike: float

    def __str__(self) -> str:
        return (
            f"two to select: {self.best.file} (the best hold-out score, {self.best.holdout:.5g}) and {self.other.file} "
            f"(hold-out {self.other.holdout:.5g}; of the better half the least like it, {self.unlike:.2g})"
        )


def select(entries: Iterable[Entry], folder: Path, form: SubmissionFormat, higher_is_better: bool) -> Selection | None:
    """Two of the scored submissions: the best one, and a good one that errs elsewhere.

    The public score is not looked at: on its few images, choosing by it is choosing by luck.

    Args:
        entries: the ledger's latest, of one competition.
        folder: where the CSVs are; one that was changed or removed since is left out.
        form: the CSVs' format.
        higher_is_better: for the hold-out score.

    Returns:
        None with fewer than three submissions to choose from.
    """
    sign = -1.0 if higher_is_better else 1.0
    ranked: list[tuple[float, Entry, dict[str, list[str]]]] = []
    for entry in entries:
        file = folder / entry.file
        if entry.status == COMPLETE and entry.holdout is not None and file.is_file() and digest(file) == entry.sha256:
            ranked.append((sign * entry.holdout, entry, _cells(file, form)))
    if len(ranked) < FEWEST:
        return None
    ranked.sort(key=lambda one: one[0])
    _, best, cells = ranked[0]
    better_half = ranked[1 : max(2, (len(ranked) + 1) // 2)]
    unlike, position = max((unlikeness(cells, other), -place) for place, (_, _, other) in enumerate(better_half))
    return Selection(best, better_half[-position][1], unlike)


def unlikeness(one: dict[str, list[str]], other: dict[str, list[str]]) -> float:
    """How unlike two tables are, from 0 for the same: one less the correlation of their numbers, or else the share of
    rows that differ.

    Args:
        one, other: cells by id; only ids in both count.
    """
    ids = [id for id in one if id in other]
    if not ids:
        return 0.0
    differing = float(np.mean([one[id] != other[id] for id in ids]))
    try:
        values = np.array([[float(cell) for id in ids for cell in table[id]] for table in (one, other)])
    except ValueError:
        return differing
    # Numbers of classes are names; the distance between two of them means nothing.
    if np.equal(values, np.round(values)).all() or not values.std(axis=1).all():
        return differing
    return float(1.0 - np.corrcoef(values)[0, 1])


def _cells(file: Path, form: SubmissionFormat) -> dict[str, list[str]]:
    with file.open(newline="", encoding="utf-8") as opened:
        rows = list(csv.reader(opened, delimiter=form.separator))
        return {row[0]: row[1:] for row in rows[form.header :] if row}
