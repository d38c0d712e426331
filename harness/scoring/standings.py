"""One's own runs among the known points of a board."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.metrics import Metric
from harness.predictions import HOLDOUT, OUT_OF_FOLD
from harness.recipes.recipe import Recipe
from harness.recipes.repeat import lookup
from harness.records import records
from harness.scoring.leaderboard import Leaderboard
from harness.scoring.ledger import Entry

PRETRAINED, FROM_SCRATCH = "pretrained", "from scratch"


@dataclass(frozen=True)
class OwnRun:
    """A finished run's scores.

    Args:
        recipe: its name.
        key: of the run.
        kind: "pretrained" where it or a member uses a pretrained network, else "from scratch".
        holdout: score on the hold-out; None without one.
        out_of_fold: out-of-fold score.
        public: score on Kaggle's public leaderboard, where it was sent.
    """

    recipe: str
    key: str
    kind: str
    holdout: float | None
    out_of_fold: float | None
    public: float | None


def own_runs(folder: Path, metric: str, recipes: Mapping[str, Recipe], sent: Iterable[Entry]) -> list[OwnRun]:
    """The finished runs under ``runs/<competition>``, without those of smoke.

    Args:
        folder: where runs are kept, by recipe and key.
        metric: scores by another are left out.
        recipes: the competition's, by name.
        sent: the ledger's latest lines.
    """
    public = {(entry.recipe, entry.run): entry.public for entry in sent}
    found = []
    for record in records(folder):
        name, key = record.recipe, record.key
        splits = {split: found for split, found in record.scores.items() if found.get("metric") == metric}
        if splits:
            holdout, out_of_fold = (splits.get(split, {}).get("score") for split in (HOLDOUT, OUT_OF_FOLD))
            found.append(OwnRun(name, key, kind_of(name, recipes), holdout, out_of_fold, public.get((name, key))))
    return found


def kind_of(name: str, recipes: Mapping[str, Recipe]) -> str:
    """Whether a recipe, or a member of it, uses a pretrained network."""
    recipe = lookup(recipes, name)
    if recipe is None:
        return ""
    pretrained = recipe.pretrained or any(kind_of(member, recipes) == PRETRAINED for member in recipe.members)
    return PRETRAINED if pretrained else FROM_SCRATCH


def rows(board: Leaderboard, runs: list[OwnRun]) -> list[list[Any]]:
    """The board's known points and one's own runs in one table, the best first.

    A run stands by its hold-out score, or by its out-of-fold one where it has no other. Its place is interpolated;
    where the board's kinds are all known, the place among its own kind is told too.

    Returns:
        Rows of place, who, hold-out or known score, out-of-fold score, public score, kind, whether it is one's own.
    """
    table: list[tuple[float, list[Any]]] = []
    for point in board.points:
        rank = "" if point.rank is None else f"{point.rank:,}"
        table.append((point.score, [rank, point.source, f"{point.score:.5g}", "", "", point.kind, False]))
    for run in runs:
        score = run.holdout if run.holdout is not None else run.out_of_fold
        if score is None:
            continue
        who = f"{run.recipe} ({run.key[:8]})"
        scores = ["" if value is None else f"{value:.5g}" for value in (run.holdout, run.out_of_fold, run.public)]
        table.append((score, [_place(board, score, run.kind), who, *scores, run.kind, True]))
    return [row for _, row in sorted(table, key=lambda one: one[0], reverse=board.metric.higher_is_better)]


def shown(table: list[list[Any]], around: int = 2, top: int = 10, most: int = 50) -> list[list[Any]]:
    """The part of a long table that matters: its top, its end, and what is near one's own runs; gaps are marked."""
    if len(table) <= most:
        return table
    own = [at for at, row in enumerate(table) if row[-1]]
    kept = {at for at in range(len(table)) if at < top or at == len(table) - 1}
    kept |= {near for at in own for near in range(at - around, at + around + 1)}
    found: list[list[Any]] = []
    for at, row in enumerate(table):
        if at in kept:
            found.append(row)
        elif at - 1 in kept:
            found.append(["…", "", "", "", "", "", False])
    return found


def _place(board: Leaderboard, score: float, kind: str) -> str:
    standing, among = board.standing(score), board.of_kind(kind)
    if standing is None:
        return ""
    own = among.standing(score) if among is not None and len({p.kind for p in board.points if p.rank}) > 1 else None
    place = f"> {standing.best - 1:,}" if standing.place is None else f"~ {standing.place:,}"
    if standing.medal:
        place += f", {standing.medal}"
    if own is None:
        return place
    return f"{place} ({own.place if own.place is not None else f'> {own.best - 1}'} {kind})"


def pretty(metric: Metric) -> str:
    """The metric's name and direction, for a table's head."""
    return f"{metric.title}, {'higher' if metric.higher_is_better else 'lower'} is better"
