"""What an ensemble gains, printed: its members, what each adds, and the honest score beside the flattering one."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from harness.metrics import METRICS
from harness.scoring.leaderboard import Leaderboard


def show(name: str, found: dict[str, Any], board: Leaderboard, out: Console) -> None:
    """Print the report.

    Args:
        name: the ensemble's.
        found: what its ``blend.json`` holds.
        board: the competition's known points; may be empty.
        out: where to.
    """
    title, members = METRICS[found["metric"]].title, found["members"]
    out.print(f"{name}: {len(members)} members on {found['rows']:,} out-of-fold rows")
    for member, reason in found["left_out"].items():
        out.print(f"left out: {member} failed. {reason}")
    out.print(_members(found, title))
    for setting in ("temperature", "floor"):
        if setting in found["fitted"]:
            out.print(f"{setting}: {found['fitted'][setting]:.4g}")
    best = next(member["score"] for member in members if member["name"] == found["best"])
    table = Table(title, "", *(["place"] if board.points else []), box=None, pad_edge=False)
    for what, score in (
        (f"best member ({found['best']}), on the rows it was chosen on", best),
        ("best member, chosen on other rows", found["best_honest"]),
        ("ensemble, on the rows it was fitted to", found["in_sample"]),
        ("ensemble, fitted to other rows", found["honest"]),
    ):
        table.add_row(what, f"{score:.4f}", *([str(board.standing(score) or "")] if board.points else []))
    out.print(table)
    out.print(f"honest gain over the best member: {_gain(found['gain'])}")


def _members(found: dict[str, Any], title: str) -> Table:
    """A row a member: its weight, what the ensemble would lose without it, and whose mistakes are most like its own."""
    members, weights = found["members"], found["fitted"].get("weights")
    columns = ["member", title, *(["weight"] if weights else []), "gain from having it", "most alike"]
    table = Table(*columns, box=None, pad_edge=False)
    for number, member in enumerate(members):
        alike = {other["name"]: found["correlation"][number][i] for i, other in enumerate(members) if i != number}
        nearest = max(alike, key=lambda other: alike[other], default=None)
        table.add_row(
            member["name"],
            f"{member['score']:.4f}",
            *([f"{weights[number]:.3f}"] if weights else []),
            _gain(member["contribution"]) if "contribution" in member else "",
            f"{nearest} ({alike[nearest]:.2f})" if nearest else "",
        )
    return table


def _gain(found: dict[str, Any]) -> str:
    return f"{found['gain']:+.4f} ({found['low']:+.4f} to {found['high']:+.4f}), {found['verdict']}"
