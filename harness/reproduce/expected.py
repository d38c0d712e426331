"""What a recipe was measured to reach, and in which time: read from the page of results."""

from __future__ import annotations

from pathlib import Path

SCORES = ("hold-out", "out of fold")  # the first that a row has is shown


def expected(page: Path, competition: str) -> dict[str, str]:
    """For each recipe of a competition that has a row on the page: its score, time and machine, in words.

    Args:
        page: ``docs/results.md``; a workspace without one expects nothing.
        competition: its name.
    """
    found, head = {}, []
    for line in page.read_text(encoding="utf-8").splitlines() if page.is_file() else ():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if "recipe" in cells:
            head = cells
        row = dict(zip(head, cells, strict=False))
        if row.get("competition") == competition and row.get("time"):
            recipe, _, changed = row["recipe"].removeprefix("`").partition("`")
            found[recipe] = _words(row, changed.removeprefix(", "))
    return found


def _words(row: dict[str, str], changed: str) -> str:
    split = next(split for split in SCORES if row[split])
    scores = [part.partition(" (")[0] for part in row[split].split("; ")]
    told = ", ".join(f"{score} top-1" if score.endswith("%") else score for score in scores)
    front = ", Pareto" if row.get("Pareto") else ""
    words = f"{split} {told} in {row['time']} ({row['device']}){front}"
    return f"{words}, with {changed}" if changed else words
