"""The report of an ensemble: its members, what each contributes, and its in-sample and cross-fitted scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from harness.ensembles.gain import gain_in
from harness.scoring.leaderboard import FEWEST, Leaderboard
from harness.scoring.metrics import METRICS
from harness.utils.errors import some


def show(
    name: str, report: dict[str, Any], board: Leaderboard, classes: Sequence[str], link: str, out: Console
) -> None:
    """Print the report.

    Args:
        name: the ensemble's name.
        report: the content of its ``blend.json``.
        classes, link: of the competition's targets.
        board: the competition's leaderboard; may be empty.
        out: where to print.
    """
    title, members = METRICS[report["metric"]].title, report["members"]
    out.print(f"{name}: {len(members)} member{'s' if len(members) > 1 else ''} on {report['rows']:,} out-of-fold rows")
    for member, reason in report["left_out"].items():
        out.print(f"left out: {member} failed. {reason}")
    out.print(_members(report, title))
    for setting in ("temperature", "floor"):
        if setting in report["fitted"]:
            out.print(f"{setting}: {report['fitted'][setting]:.4g}")
    if "thresholds" in report["fitted"]:
        out.print(decisions(report["fitted"]["thresholds"], classes, link))
    best = next(member["score"] for member in members if member["name"] == report["best"])
    is_ranked = bool(board.points) and report["rows"] >= FEWEST
    table = Table(title, "", *(["rank"] if is_ranked else []), box=None, pad_edge=False)
    for label, score in (
        (f"best member ({report['best']}), on the rows it was chosen on", best),
        ("best member, chosen on other rows", report["best_honest"]),
        ("ensemble, on the rows it was fitted to", report["in_sample"]),
        ("ensemble, fitted to other rows", report["honest"]),
    ):
        table.add_row(label, f"{score:.4f}", *([_place(board, score)] if is_ranked else []))
    out.print(table)
    out.print(f"honest gain over the best member: {gain_in(report['gain']).judged}")


def decisions(thresholds: list[float], classes: Sequence[str], link: str) -> str:
    """Fitted thresholds in words.

    Args:
        thresholds: of each label; or the cuts of the expected grade.
        classes: the names of the labels or grades.
        link: "sigmoid" where they are labels.
    """
    if link != "sigmoid":
        return f"The expected grade is cut at {', '.join(f'{value:.3f}' for value in thresholds)}."
    if len({*thresholds}) == 1:
        words = f"{thresholds[0]:.3f}"
    else:
        words = some([f"{value:.3f} ({name})" for name, value in zip(classes, thresholds, strict=True)], 12)
    return f"A label is given from a member's probability of {words} on, which then counts as 0.5."


def _place(board: Leaderboard, score: float) -> str:
    standing = board.standing(score)
    return standing.place if standing else ""


def _members(report: dict[str, Any], title: str) -> Table:
    """One row per member: its weight, what the ensemble loses without it, and which member errs most similarly."""
    members, weights = report["members"], report["fitted"].get("weights")
    columns = ["member", title, *(["weight"] if weights else []), "gain from having it", "most similar"]
    table = Table(*columns, box=None, pad_edge=False)
    for number, member in enumerate(members):
        correlations = {
            peer["name"]: report["correlation"][number][peer_number]
            for peer_number, peer in enumerate(members)
            if peer_number != number
        }
        nearest = max(correlations, key=lambda peer: correlations[peer], default=None)
        table.add_row(
            member["name"],
            f"{member['score']:.4f}",
            *([f"{weights[number]:.3f}"] if weights else []),
            gain_in(member["contribution"]).judged if "contribution" in member else "",
            f"{nearest} ({correlations[nearest]:.2f})" if nearest else "",
        )
    return table
