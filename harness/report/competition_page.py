"""The page of a competition: all finished runs, the best ones, and what changed from run to run."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from harness.competition import Competition
from harness.models.adversarial import Likeness
from harness.report import figures, likeness
from harness.report.page import templates
from harness.report.runs import interval_in
from harness.runs.comparison import Change
from harness.scoring.leaderboard import Leaderboard

DRAWN = 20  # runs in the figure
TITLES = {"out_of_fold": "Out of fold", "holdout": "On the hold-out"}


def render(
    competition: Competition,
    rows: list[dict[str, Any]],
    changes: list[Change],
    board: Leaderboard,
    images: str,
    found: Likeness | None = None,
    unlike: list[dict[str, Any]] | None = None,
) -> str:
    """The page as HTML; the same runs give the same bytes.

    Args:
        competition: whose runs they are.
        rows: from ``harness.runs.comparison.compared``, the best out of fold first; "page" is the address of a run's
            page, "" where it has none; "images" how many its hold-out score is of.
        changes: what changed between runs of one recipe, the latest first.
        board: the competition's leaderboard; may be empty.
        images: what data there is, in words.
        found: how like the test is to the labelled images; None where that is not known.
        unlike: pictures of the images that are least like them.
    """
    metric = board.metric
    sign = 1 if metric.higher_is_better else -1
    best = []
    for split, title in TITLES.items():
        of_split = [row for row in rows if row[split] is not None]
        if of_split:
            row = max(of_split, key=lambda row: sign * row[split])
            best.append((title, row, f"{metric.title} {interval_in(row, split)}"))
    standing = best[-1][1]
    split = "holdout" if standing["holdout"] is not None else "out_of_fold"
    scored = [row for row in rows if row["out_of_fold"] is not None]
    drawn, timed = scored[:DRAWN], [row for row in scored if row["is_all"]]
    by_key = {row["run"]: row for row in rows}
    return (
        templates()
        .get_template("competition.html")
        .render(
            competition=competition,
            metric=metric,
            rows=rows,
            images=images,
            best=best,
            standing_words=board.words(interval_in(standing, split), standing["images"]),
            drawn=figures.ranking(
                [f"{row['recipe']} {row['run'][:8]}" for row in drawn],
                [interval_in(row, "out_of_fold") for row in drawn],
                f"out-of-fold {metric.title}",
            ),
            worth=figures.worth(timed, "out_of_fold", f"out-of-fold {metric.title}") if len(timed) > 1 else "",
            without_page=next((f"{row['recipe']}/{row['run'][:8]}" for row in rows if not row["page"]), ""),
            changes=[_change(one, by_key) for one in changes],
            likeness_words=likeness.said(found) if found else "",
            against=likeness.NAMES[found.against] if found else "",
            unlike=unlike or [],
        )
    )


def with_pages(rows: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """Rows with the address of each run's page, relative to the folder of the competition's runs."""
    pages = {row["run"]: Path(row["recipe"]) / row["run"] / "report.html" for row in rows}
    # A snapshot is called net#2.
    there = {key: quote(page.as_posix()) if (folder / page).is_file() else "" for key, page in pages.items()}
    return [row | {"page": there[row["run"]]} for row in rows]


def _change(change: Change, by_key: dict[str, dict[str, Any]]) -> dict[str, Any]:
    gain = change.gain
    words = gain.judged if gain else "not comparable"
    return {"row": by_key[change.after], "before": change.before, "settings": change.settings, "gain": words}
