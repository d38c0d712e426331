"""The rank a score would take among the known points of a competition's ``leaderboard.csv``."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.scoring.metrics import Interval, Metric
from harness.utils.errors import UserError

COLUMNS = ["rank", "score", "kind", "source"]
# The kind of the line that says how many teams there were: its rank is their number, its score is empty.
TEAMS = "teams"
MOST_TEAMS = 10_000_000
# A score of fewer images tells no rank, and nor does an interval that spans more than this share of the ranks.
FEWEST = 100
WIDEST = 0.5


@dataclass(frozen=True)
class Point:
    """A known point: the score at a rank; rank None where only the score is known."""

    rank: int | None
    score: float
    kind: str
    source: str


@dataclass(frozen=True)
class Standing:
    """Where a score stands.

    Args:
        best: the best rank it can have, on the evidence of the known points.
        worst: the worst; 0 where it is behind the last known point and the number of teams is not known.
        rank: interpolated between those two by the score; None where there is nothing to interpolate to.
        teams: how many there were, where that is known.
    """

    best: int
    worst: int
    rank: int | None
    teams: int | None

    @property
    def medal(self) -> str | None:
        """The medal of the rank, by Kaggle's rules; None without one, or where the rank or the teams are unknown."""
        return medal(self.rank, self.teams)

    def __str__(self) -> str:
        """For example ``'about rank 35 of 1,314 (interpolated between 31 and 40), top 2.7 %'`` and the medal."""
        return self.place + (f", {self.medal} by Kaggle's rules" if self.medal else "")

    @property
    def place(self) -> str:
        """The rank in words, without the medal."""
        of_teams = f" of {self.teams:,}" if self.teams else ""
        if self.rank is None:
            return f"below rank {self.best - 1:,}{of_teams}, the last one known"
        if self.best == self.worst:
            text = f"rank {self.rank:,}{of_teams}"
        else:
            text = f"about rank {self.rank:,}{of_teams} (interpolated between {self.best:,} and {self.worst:,})"
        return text + (f", top {100 * self.rank / self.teams:.1f} %" if self.teams else "")


def _lines(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The lines of a leaderboard, numbered, each as a cell by column.

    Raises:
        UserError: it is no CSV in UTF-8, or has other columns.
    """
    fix = f"its first line must hold {','.join(COLUMNS)}, in UTF-8"
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            header = next(reader, COLUMNS)
            if not set(COLUMNS) <= set(header):
                raise UserError(f"{path} has other columns: its first line is {','.join(header)!r}.", fix)
            for number, row in enumerate(reader, 2):
                if row and len(row) != len(header):
                    raise UserError(f"{path}, line {number}: {len(row)} cells, not {len(header)}.", f"edit {path}")
                if row:
                    yield number, dict(zip(header, row, strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read: {error}.", fix) from None


@dataclass(frozen=True)
class Leaderboard:
    """A competition's known points, in the file's order.

    Args:
        points: from ``leaderboard.csv``.
        metric: the competition's metric; its direction sorts the points.
        teams: the number of teams, if known.
    """

    points: tuple[Point, ...]
    metric: Metric
    teams: int | None = None

    @classmethod
    def load(cls, path: Path, metric: Metric) -> Leaderboard:
        """Read ``rank,score,kind,source``. If the file is missing or holds a header only, the leaderboard is empty.

        Raises:
            UserError: a line cannot be read; the message names it.
        """
        points, teams = [], None
        if path.is_file():
            for line, row in _lines(path):
                try:
                    rank = int(row["rank"]) if row["rank"] else None
                    if rank is not None and not 1 <= rank <= MOST_TEAMS:
                        raise ValueError(f"rank must be from 1 to {MOST_TEAMS:,}. Received: rank={rank}")
                    if row["kind"] == TEAMS and not row["score"]:
                        teams = rank
                        continue
                    score = float(row["score"])
                    if not math.isfinite(score):
                        raise ValueError(f"score must be a number. Received: score={score}")
                    points.append(Point(rank, score, row["kind"], row["source"]))
                except (TypeError, ValueError, OverflowError) as error:
                    raise UserError(f"{path}, line {line}: {error}.", f"edit {path}") from None
        return cls(tuple(points), metric, teams)

    def standing(self, score: float) -> Standing | None:
        """Where a score stands; None on a board without ranks, and where the score is not a number.

        A rank is one more than the number of better teams, as on Kaggle: equal scores share the better rank.
        """
        ranked = sorted((point.rank, point.score) for point in self.points if point.rank is not None)
        if not ranked or not math.isfinite(score):
            return None
        ahead = [point for point in ranked if self.metric.better(point[1], score)]
        behind = [point for point in ranked if not self.metric.better(point[1], score)]
        best = ahead[-1][0] + 1 if ahead else 1
        if not behind:
            if self.teams is None or best <= self.teams:
                return Standing(best, self.teams or 0, None, self.teams)
            return Standing(self.teams, self.teams, self.teams, self.teams)  # behind the last of all
        worst, next_score = max(best, behind[0][0]), behind[0][1]
        if not ahead:
            return Standing(1, worst, worst, self.teams)
        fraction = (score - ahead[-1][1]) / (next_score - ahead[-1][1])
        halves_up = int(fraction * (worst - best) + 0.5 + 1e-9)  # the same whichever way is better
        return Standing(best, worst, best + halves_up, self.teams)

    def span(self, interval: Interval) -> tuple[int, int] | None:
        """The ranks that an interval of scores spans: (best, worst), worst 0 for below the last known one."""
        ends = [self.standing(score) for score in (interval.low, interval.high)]
        if ends[0] is None or ends[1] is None:
            return None
        first, last = ends if not self.metric.higher_is_better else ends[::-1]
        assert first is not None and last is not None
        return first.rank or first.best, last.rank or last.worst

    def words(self, interval: Interval, images: int) -> str | None:
        """Where a score with its interval stands, in words that claim no more than is known; None without ranks.

        Args:
            interval: the score.
            images: how many it is of.
        """
        standing, span = self.standing(interval.score), self.span(interval)
        if standing is None or span is None:
            return None
        of_teams = f" of {self.teams:,}" if self.teams else ""
        spanned = f"the interval spans {span_words(span)}{of_teams}"
        if images < FEWEST:
            return f"not known from {images:,} images, fewer than {FEWEST}; {spanned}"
        if not self.tells(span):
            return f"not known: {spanned}"
        won = [medal(rank or None, self.teams) for rank in span]
        if won[0] == won[1]:
            return f"{standing}; {spanned}"
        return f"{standing.place}; {spanned}: {' to '.join(one or 'no medal' for one in won)}"

    def tells(self, span: tuple[int, int], images: int = FEWEST) -> bool:
        """Whether a score of so many images, whose interval spans these ranks, says enough to name a rank."""
        last = self.teams or max((point.rank for point in self.points if point.rank is not None), default=0)
        return images >= FEWEST and (span[1] or last + 1) - span[0] < max(1, WIDEST * last)

    def of_kind(self, kind: str) -> Leaderboard | None:
        """The board of one kind alone, ranks counted anew; None where not every rank is known."""
        ranked = sorted((point for point in self.points if point.rank is not None), key=lambda point: point.rank or 0)
        if [point.rank for point in ranked] != [*range(1, len(ranked) + 1)]:
            return None
        own = [point for point in ranked if point.kind == kind]
        counted = [Point(rank, point.score, kind, point.source) for rank, point in enumerate(own, 1)]
        return Leaderboard(tuple(counted), self.metric) if counted else None


def medal(rank: int | None, teams: int | None) -> str | None:
    """The medal of a rank, by Kaggle's rules; None without one, or where the rank or the teams are unknown."""
    if rank is None or teams is None:
        return None
    return next((name for name, last in medals(teams).items() if rank <= last), None)


def medals(teams: int) -> dict[str, int]:
    """The last rank of each medal among so many teams, by Kaggle's rules (fractions are cut off)."""
    if teams < 100:
        return {"gold": teams // 10, "silver": teams // 5, "bronze": teams * 2 // 5}
    if teams < 250:
        return {"gold": 10, "silver": teams // 5, "bronze": teams * 2 // 5}
    gold = 10 + teams * 2 // 1000
    if teams < 1000:
        return {"gold": gold, "silver": 50, "bronze": 100}
    return {"gold": gold, "silver": teams // 20, "bronze": teams // 10}


def span_words(span: tuple[int, int]) -> str:
    """A range of ranks: ``'ranks 20 to 61'``."""
    best, worst = span
    if worst == 0:
        return f"rank {best:,} and worse"
    return f"rank {best:,}" if best == worst else f"ranks {best:,} to {worst:,}"
