"""The page of a run: one HTML file without scripts, which asks nothing of anywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.competition import Competition
from harness.report import ensemble, figures, likeness, runs, search, search_figures
from harness.runs.records import Record
from harness.scoring.evaluation import interval_of
from harness.scoring.leaderboard import Leaderboard
from harness.scoring.metrics import METRICS
from harness.utils.console import seconds

if TYPE_CHECKING:
    import jinja2

SPLITS = runs.SPLITS | {"test": "test"}
SMALL = 20  # classes whose confusion fits into a table


def render(competition: Competition, record: Record, contents: dict[str, Any], board: Leaderboard) -> str:
    """The page as HTML; the same run gives the same bytes.

    Args:
        competition: the run's.
        record: the run.
        contents: from ``harness.runs.page_contents``.
        board: the competition's leaderboard; may be empty.
    """
    last = contents["scores"][-1][1]
    interval = interval_of(last)
    folds, found, lines, bins = (contents[name] for name in ("folds", "found", "thresholds", "bins"))
    given = contents["classes"][1] if found else "a label"
    drawn = {
        "standing": figures.standing(board, interval),
        "curves": {name.replace("_", " "): figures.curves(folds, name) for name in _curves(folds)},
        "thresholds": figures.thresholds(lines, given) if lines else "",
        "search": search_figures.drawn(contents["search"]) if contents["search"] else {},
        "graph": figures.graph(contents["steps"]),
        "reliability": figures.reliability(bins, given_class=bool(found)) if bins else "",
    }
    return (
        templates()
        .get_template("run.html")
        .render(
            competition=competition,
            record=record,
            about=record.about,
            metric=board.metric,
            blend_title=_title(contents["blend"], board),
            standing_words=board.words(interval, last["rows"]),
            drawn=drawn,
            likeness_words=likeness.said(contents["likeness"]["found"]) if contents["likeness"] else "",
            searched=_searched(contents["search"], record, board),
            splits=SPLITS,
            thresholds_words=_fitted_thresholds(contents, competition.targets.link),
            diagnosis=_by_remark(contents["folds"]),
            matrix=_matrix(contents) if found and len(contents["classes"]) <= SMALL else None,
            **contents,
        )
    )


def templates() -> jinja2.Environment:
    """The templates of pages, with their filters."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = {"seconds": seconds, "minute": runs.minute, "plain": _plain, "interval": runs.interval, "gain": runs.gain}
    environment.filters |= filters
    return environment


def _curves(folds: list[dict[str, Any]]) -> tuple[str, ...]:
    """What was measured each epoch: the accuracy, or the error of numbers; nothing where no network was trained."""
    if not folds:
        return ()
    return ("loss", "absolute_error" if "absolute_error" in folds[0]["history"] else "accuracy", "learning_rate")


def _fitted_thresholds(contents: dict[str, Any], link: str) -> str:
    fitted = (contents["blend"] or {"fitted": {}})["fitted"]
    return ensemble.decisions(fitted["thresholds"], contents["classes"], link) if "thresholds" in fitted else ""


def _by_remark(folds: list[dict[str, Any]]) -> dict[str, list[int]]:
    """The folds of which the same was found."""
    found: dict[str, list[int]] = {}
    for fold in folds:
        for remark in fold["diagnosis"]:
            found.setdefault(remark, []).append(fold["number"])
    return found


def _title(report: dict[str, Any] | None, board: Leaderboard) -> str:
    """What the numbers of an ensemble or a search are: by the metric of that time, which may not be today's."""
    name = (report or {}).get("metric", board.metric.name)
    return METRICS[name].title if name in METRICS else str(name)


def _searched(report: dict[str, Any] | None, record: Record, board: Leaderboard) -> dict[str, Any] | None:
    """What the page says of the search that a run belongs to; None without one."""
    if report is None:
        return None
    number = next((trial["number"] for trial in report["trials"] if trial["run"] == record.key), None)
    return {
        "words": search.words(report),
        "this": "the recipe as it was before the search" if number is None else f"its trial {number}",
        "rows": search.rows(report),
        "remark": search.remark_of(report),
        "settings": [axis["name"] for axis in report["space"]],
        "title": _title(report, board),
        "trials": report["trials"],
    }


def _matrix(contents: dict[str, Any]) -> list[list[int]]:
    """Rows of true classes, columns of given ones."""
    found, classes = contents["found"], range(len(contents["classes"]))
    wrong = {(pair.true, pair.given): pair.count for pair in found.confusions}
    right = [round(recall * count) if count else 0 for recall, count in zip(found.recalls, found.counts, strict=True)]
    return [[right[true] if true == given else wrong.get((true, given), 0) for given in classes] for true in classes]


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
