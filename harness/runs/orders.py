"""The orders in which finished runs are shown."""

from __future__ import annotations

from typing import Any

from harness.data.splits import SCORED

ORDERS = ("finished", "recipe", *SCORED)


def ordered(rows: list[dict[str, Any]], by: str, higher: bool) -> list[dict[str, Any]]:
    """Rows of runs in one of the ``ORDERS``.

    Args:
        rows: the latest run last.
        by: "finished" (the latest last), "recipe", or a split, whose best score comes first.
        higher: whether higher scores are better.
    """
    if by == "recipe":
        return sorted(rows, key=lambda row: row["recipe"])
    if by == "finished":
        return rows
    sign = -1 if higher else 1
    return sorted(rows, key=lambda row: (row[by] is None, sign * (row[by] or 0)))
