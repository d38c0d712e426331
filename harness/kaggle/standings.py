"""The user's own runs among the known points of a leaderboard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.data.splits import HOLDOUT, OUT_OF_FOLD
from harness.kaggle.ledger import Entry
from harness.recipes.recipe import Recipe
from harness.recipes.seeds import lookup
from harness.runs.comparison import changed, of_metric
from harness.runs.records import records
from harness.scoring.evaluation import interval_of
from harness.scoring.leaderboard import Leaderboard, medal, span_words
from harness.scoring.metrics import Interval, Metric

PRETRAINED, FROM_SCRATCH = "pretrained", "from scratch"
# Of a table that is longer than that, the rows from the top that are shown, and those beside each own run.
LONGEST, TOP, AROUND = 50, 10, 2


@dataclass(frozen=True)
class OwnRun:
    """A finished run's scores.

    Args:
        recipe: the recipe's name.
        key: the run's key.
        kind: "pretrained" if the recipe or one of its members uses a pretrained network, else "from scratch".
        holdout: the score on the hold-out; None without a hold-out.
        out_of_fold: the out-of-fold score.
        public: the score on Kaggle's public leaderboard, if the run was submitted.
        interval: the score it is ranked by, with its interval: the hold-out's, else the out-of-fold one.
        images: how many that is of.
        changed: its settings that differ from the recipe's.
    """

    recipe: str
    key: str
    kind: str
    holdout: float | None
    out_of_fold: float | None
    public: float | None
    interval: Interval
    images: int
    changed: str = ""


def own_runs(folder: Path, metric: str, recipes: Mapping[str, Recipe], sent: Iterable[Entry]) -> list[OwnRun]:
    """The finished runs under ``runs/<competition>``, without smoke runs.

    Args:
        folder: where runs are kept, by recipe and key.
        metric: the competition's metric; scores by another metric are ignored.
        recipes: the competition's recipes, by name.
        sent: the ledger's latest entries.
    """
    public = {(entry.recipe, entry.run): entry.public for entry in sent if entry.public is not None}
    runs = []
    for record in of_metric(records(folder), metric):
        name, key = record.recipe, record.key
        if record.scores:
            holdout, out_of_fold = (record.scores.get(split, {}).get("score") for split in (HOLDOUT, OUT_OF_FOLD))
            ranked_by = record.scores.get(HOLDOUT) or record.scores[OUT_OF_FOLD]
            runs.append(
                OwnRun(
                    recipe=name,
                    key=key,
                    kind=kind_of(name, recipes),
                    holdout=holdout,
                    out_of_fold=out_of_fold,
                    public=public.get((name, key)),
                    interval=interval_of(ranked_by),
                    images=ranked_by["rows"],
                    changed=changed(record, recipes),
                )
            )
    return runs


def comparable(sent: Iterable[Entry], folder: Path, metric: str) -> list[Entry]:
    """What was sent, with the hold-out score that its run has now, as far as the scores are of one hold-out.

    A score says nothing beside one of other images or labels, or by another metric: what the newest run's data is,
    counts. Files of no run, or of one that is gone, are left out.

    Args:
        sent: the ledger's latest entries, the oldest first.
        folder: as for ``own_runs``.
        metric: as for ``own_runs``.
    """
    of_run = {(record.recipe, record.key): record for record in records(folder)}
    found = [(entry, of_run[entry.recipe, entry.run]) for entry in sent if (entry.recipe, entry.run) in of_run]
    found = [pair for pair in found if pair[1].scores.get(HOLDOUT, {}).get("metric") == metric]
    if not found:
        return []
    newest = max((record for _, record in found), key=lambda record: record.sequence)
    return [
        entry.changed(holdout=record.scores[HOLDOUT]["score"])
        for entry, record in found
        if record.about.get("dataset") == newest.about.get("dataset")
    ]


def kind_of(name: str, recipes: Mapping[str, Recipe]) -> str:
    """A recipe's kind: "pretrained" if it or a member uses a pretrained network, else "from scratch"; "" if unknown."""
    recipe = lookup(recipes, name)
    if recipe is None:
        return ""
    pretrained = recipe.pretrained or any(kind_of(member, recipes) == PRETRAINED for member in recipe.members)
    return PRETRAINED if pretrained else FROM_SCRATCH


def rows(board: Leaderboard, runs: list[OwnRun]) -> list[list[Any]]:
    """The known points of a leaderboard and the user's own runs in one table, the best first.

    A run is ranked by its hold-out score, or by its out-of-fold score if it has no hold-out score. The rank is
    interpolated, and is followed by the ranks that the interval spans; these alone where they say too little. A medal
    is named where the whole interval has it. If the ranks of one kind are known, the rank among the run's own kind is
    shown too.

    Returns:
        Rows of rank, name, hold-out or known score, out-of-fold score, public score, kind, and whether the run is the
        user's own.
    """
    table: list[tuple[float, list[Any]]] = []
    for point in board.points:
        rank = "" if point.rank is None else f"{point.rank:,}"
        table.append((point.score, [rank, point.source, f"{point.score:.5g}", "", "", point.kind, False]))
    for run in runs:
        name = f"{run.recipe} ({run.key[:8]})" + (f" {run.changed}" if run.changed else "")
        scores = ["" if value is None else f"{value:.5g}" for value in (run.holdout, run.out_of_fold, run.public)]
        table.append((run.interval.score, [_rank(board, run), name, *scores, run.kind, True]))
    return [row for _, row in sorted(table, key=lambda item: item[0], reverse=board.metric.higher_is_better)]


def shown(table: list[list[Any]]) -> list[list[Any]]:
    """An extract of a long table: its top, its last row, and the rows around the user's own runs; gaps are marked.

    Args:
        table: as returned by ``rows``.
    """
    if len(table) <= LONGEST:
        return table
    own_numbers = [number for number, row in enumerate(table) if row[-1]]
    visible = {number for number in range(len(table)) if number < TOP or number == len(table) - 1}
    visible |= {nearby for number in own_numbers for nearby in range(number - AROUND, number + AROUND + 1)}
    extract: list[list[Any]] = []
    for number, row in enumerate(table):
        if number in visible:
            extract.append(row)
        elif number - 1 in visible:
            extract.append(["…", "", "", "", "", "", False])
    return extract


def _rank(board: Leaderboard, run: OwnRun) -> str:
    score, kind = run.interval.score, run.kind
    standing, span, board_of_kind = board.standing(score), board.span(run.interval), board.of_kind(kind)
    if standing is None or span is None:
        return ""
    spanned = span_words(span).removeprefix("ranks ").removeprefix("rank ")
    if not board.tells(span, run.images):
        return spanned
    several_kinds = len({point.kind for point in board.points if point.rank}) > 1
    standing_of_kind = board_of_kind.standing(score) if board_of_kind is not None and several_kinds else None
    rank = f"> {standing.best - 1:,}" if standing.rank is None else f"~ {standing.rank:,}"
    rank += f" ({spanned})" * (standing.rank is not None and span[0] != span[1])
    if standing.medal and medal(span[1] or None, board.teams) == medal(span[0], board.teams):
        rank += f", {standing.medal}"
    if standing_of_kind is None:
        return rank
    rank_of_kind = standing_of_kind.rank if standing_of_kind.rank is not None else f"> {standing_of_kind.best - 1}"
    return f"{rank}; {rank_of_kind} {kind}"


def pretty(metric: Metric) -> str:
    """The metric's name and direction, for the title of a table."""
    return f"{metric.title}, {'higher' if metric.higher_is_better else 'lower'} is better"
