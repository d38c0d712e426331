"""The place a score would take among the known points of a competition's ``leaderboard.csv``."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import UserError
from harness.metrics import Interval, Metric

if TYPE_CHECKING:
    from harness.competition import Competition
    from harness.workspace import Workspace

COLUMNS = ["rank", "score", "kind", "source"]
# The kind of the line that says how many teams there were: its rank is their number, its score is empty.
TEAMS = "teams"


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
        best: the best place it can have, on the evidence of the known points.
        worst: the worst; 0 where it is behind the last known point and the number of teams is not known.
        place: interpolated between those two by the score; None where there is nothing to interpolate to.
        teams: how many there were, where that is known.
    """

    best: int
    worst: int
    place: int | None
    teams: int | None

    @property
    def medal(self) -> str | None:
        """The medal of the place, by Kaggle's rules; None without one, or where the place or the teams are unknown."""
        if self.place is None or self.teams is None:
            return None
        return next((name for name, last in medals(self.teams).items() if self.place <= last), None)

    def __str__(self) -> str:
        """For example ``'about place 35 of 1,314 (interpolated between 31 and 40), top 2.7 %, silver'``."""
        of = f" of {self.teams:,}" if self.teams else ""
        if self.place is None:
            return f"below place {self.best - 1:,}{of}, the last one known"
        if self.best == self.worst:
            told = f"place {self.place:,}{of}"
        else:
            told = f"about place {self.place:,}{of} (interpolated between {self.best:,} and {self.worst:,})"
        if self.teams:
            told += f", top {100 * self.place / self.teams:.1f} %"
        return told + (f", {self.medal} by Kaggle's rules" if self.medal else "")


@dataclass(frozen=True)
class Leaderboard:
    """A competition's known points, in the file's order.

    Args:
        points: from ``leaderboard.csv``.
        metric: tells which way is better.
        teams: how many there were, where that is known.
    """

    points: tuple[Point, ...]
    metric: Metric
    teams: int | None = None

    @classmethod
    def load(cls, path: Path, metric: Metric) -> Leaderboard:
        """Read ``rank,score,kind,source``; a missing file or one of a header alone is an empty board.

        Raises:
            UserError: names the line that cannot be read.
        """
        points, teams = [], None
        if path.is_file():
            with path.open(newline="", encoding="utf-8") as file:
                for number, line in enumerate(csv.DictReader(file), 2):
                    try:
                        rank = int(line["rank"]) if line["rank"] else None
                        if line["kind"] == TEAMS and not line["score"]:
                            teams = rank
                        else:
                            points.append(Point(rank, float(line["score"]), line["kind"], line["source"]))
                    except (KeyError, TypeError, ValueError) as error:
                        raise UserError(
                            f"{path}, line {number}: {error!r}.", f"its columns are {','.join(COLUMNS)}"
                        ) from None
        return cls(tuple(points), metric, teams)

    def standing(self, score: float) -> Standing | None:
        """Where a score stands; None on a board without ranks.

        A place is one more than the number of better teams, as on Kaggle: equal scores share the better place.
        """
        ranked = sorted((point.rank, point.score) for point in self.points if point.rank is not None)
        if not ranked:
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
        part = (score - ahead[-1][1]) / (next_score - ahead[-1][1])
        halves_up = int(part * (worst - best) + 0.5 + 1e-9)  # the same whichever way is better
        return Standing(best, worst, best + halves_up, self.teams)

    def span(self, interval: Interval) -> tuple[int, int] | None:
        """The places that an interval of scores spans: (best, worst), worst 0 for below the last known one."""
        ends = [self.standing(score) for score in (interval.low, interval.high)]
        if ends[0] is None or ends[1] is None:
            return None
        first, last = ends if not self.metric.higher_is_better else ends[::-1]
        assert first is not None and last is not None
        return first.place or first.best, last.place or last.worst

    def words(self, interval: Interval) -> str | None:
        """Where a score with its interval stands, in words; None on a board without ranks."""
        standing, span = self.standing(interval.score), self.span(interval)
        if standing is None or span is None:
            return None
        return f"{standing}; the interval spans {span_words(span)}"

    def of_kind(self, kind: str) -> Leaderboard | None:
        """The board of one kind alone, places counted anew; None where not every place is known."""
        ranked = sorted((p for p in self.points if p.rank is not None), key=lambda point: point.rank or 0)
        if [point.rank for point in ranked] != [*range(1, len(ranked) + 1)]:
            return None
        own = [point for point in ranked if point.kind == kind]
        counted = [Point(place, point.score, kind, point.source) for place, point in enumerate(own, 1)]
        return Leaderboard(tuple(counted), self.metric) if counted else None


def medals(teams: int) -> dict[str, int]:
    """The last place of each medal among so many teams, by Kaggle's rules (fractions are cut off)."""
    if teams < 100:
        return {"gold": teams // 10, "silver": teams // 5, "bronze": teams * 2 // 5}
    if teams < 250:
        return {"gold": 10, "silver": teams // 5, "bronze": teams * 2 // 5}
    gold = 10 + teams * 2 // 1000
    if teams < 1000:
        return {"gold": gold, "silver": 50, "bronze": 100}
    return {"gold": gold, "silver": teams // 20, "bronze": teams // 10}


def span_words(span: tuple[int, int]) -> str:
    """A range of places: ``'places 20 to 61'``."""
    best, worst = span
    if worst == 0:
        return f"place {best:,} and worse"
    return f"place {best:,}" if best == worst else f"places {best:,} to {worst:,}"


def downloaded(workspace: Workspace, competition: Competition) -> Path:
    """Where Kaggle's own leaderboard is kept once downloaded."""
    return workspace.data(competition.name) / "leaderboard.csv"


def board(workspace: Workspace, competition: Competition) -> Leaderboard:
    """A competition's board: the whole one where it was downloaded, else the known points."""
    from harness.metrics import METRICS

    whole = downloaded(workspace, competition)
    path = whole if whole.is_file() else competition.folder / "leaderboard.csv"
    return Leaderboard.load(path, METRICS[competition.metric])
