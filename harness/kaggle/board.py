"""A competition's leaderboards: those downloaded from Kaggle, or else the points that come with the competition."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.competition import Competition
from harness.scoring.leaderboard import Leaderboard, Standing
from harness.scoring.metrics import METRICS
from harness.utils.workspace import Workspace

PUBLIC, PRIVATE = "public", "private"


@dataclass(frozen=True)
class Boards:
    """The two leaderboards of a competition. A score has a rank only on its own one.

    Args:
        public: the downloaded one; None without a download.
        private: the downloaded one, or else the competition's known points, which are those of the final standings.
    """

    public: Leaderboard | None
    private: Leaderboard

    def place(self, public: float | None, private: float | None) -> tuple[str, Standing] | None:
        """Where a submission stands: by its private score if it has one and that board is known, else by its public
        score. Without a public board, a public score is placed among the known points.

        Returns:
            The board's name, "public", "private" or "known", and the standing; None if there is neither.
        """
        standing = None if private is None else self.private.standing(private)
        if standing is not None:
            return PRIVATE, standing
        standing = None if public is None else (self.public or self.private).standing(public)
        return None if standing is None else (PUBLIC if self.public else "known", standing)

    @property
    def expected(self) -> Leaderboard:
        """The board on which ``place`` will put a submission that has both scores, as far as that is known before."""
        has_ranks = any(point.rank is not None for point in self.private.points)
        return self.private if has_ranks else self.public or self.private

    def rank(self, public: float | None, private: float | None) -> int | None:
        """The rank of a submission; None where it is not known."""
        place = self.place(public, private)
        return place[1].rank if place else None


def downloaded(workspace: Workspace, competition: Competition, side: str = PUBLIC) -> Path:
    """The file for the leaderboard downloaded from Kaggle."""
    name = "leaderboard.csv" if side == PUBLIC else "leaderboard-private.csv"
    return workspace.data(competition.name) / name


def board(workspace: Workspace, competition: Competition) -> Leaderboard:
    """A competition's leaderboard: the public one if it was downloaded, else the private one, else the known points."""
    found = boards(workspace, competition)
    return found.public or found.private


def boards(workspace: Workspace, competition: Competition) -> Boards:
    """Both leaderboards of a competition."""
    metric = METRICS[competition.metric]
    public, private = (downloaded(workspace, competition, side) for side in (PUBLIC, PRIVATE))
    known = private if private.is_file() else competition.folder / "leaderboard.csv"
    return Boards(Leaderboard.load(public, metric) if public.is_file() else None, Leaderboard.load(known, metric))
