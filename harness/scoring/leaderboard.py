"""The place a score would take among the known points of a competition's ``leaderboard.csv``."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UserError
from harness.metrics import Metric


@dataclass(frozen=True)
class Point:
    """A known point: the score at a rank; rank None where only the score is known."""

    rank: int | None
    score: float
    kind: str
    source: str


@dataclass(frozen=True)
class Leaderboard:
    """A competition's known points, in the file's order.

    Args:
        points: from ``leaderboard.csv``.
        metric: tells which way is better.
    """

    points: tuple[Point, ...]
    metric: Metric

    @classmethod
    def load(cls, path: Path, metric: Metric) -> Leaderboard:
        """Read ``rank,score,kind,source``; a missing file or one of a header alone is an empty board.

        Raises:
            UserError: names the line that cannot be read.
        """
        points = []
        if path.is_file():
            with path.open(newline="", encoding="utf-8") as file:
                for number, line in enumerate(csv.DictReader(file), 2):
                    try:
                        rank = int(line["rank"]) if line["rank"] else None
                        points.append(Point(rank, float(line["score"]), line["kind"], line["source"]))
                    except (KeyError, TypeError, ValueError) as error:
                        raise UserError(
                            f"{path}, line {number}: {error!r}.", "its columns are rank,score,kind,source"
                        ) from None
        return cls(tuple(points), metric)

    def place(self, score: float) -> tuple[int, int] | None:
        """The places this score lies between, on the evidence of the known points; None on an empty board.

        Returns:
            (best, worst): equal where the points decide it; worst is 0 below the last known point.
        """
        ranked = sorted((p.rank, p.score) for p in self.points if p.rank is not None)
        if not ranked:
            return None
        ahead = [rank for rank, known in ranked if self.metric.better(known, score)]
        behind = [rank for rank, known in ranked if not self.metric.better(known, score)]
        best = max(ahead) + 1 if ahead else 1
        worst = max(best, min(behind)) if behind else 0
        return best, worst

    def words(self, score: float) -> str | None:
        """The place in words: ``'between place 5 and 10 of the known board'``."""
        found = self.place(score)
        if found is None:
            return None
        best, worst = found
        if worst == 0:
            return f"below place {best - 1}, the last one known"
        return f"place {best}" if best == worst else f"between place {best} and {worst}"
