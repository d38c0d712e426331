"""The report of a search: the recipe as it was and the best trial, on the rows it saw and on those that it did not."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from harness.ensembles.gain import gain_in
from harness.scoring.evaluation import interval_of
from harness.scoring.metrics import METRICS


def show(report: dict[str, Any], out: Console) -> None:
    """Print how a search ended.

    Args:
        report: the content of its ``search.json``, with scores.
        out: where to print.
    """
    out.print(words(report))
    table = Table(METRICS[report["metric"]].title, report["recipe"], "tuned", "gain", box=None, pad_edge=False)
    for row in rows(report):
        table.add_row(*row)
    out.print(table)
    if remark := remark_of(report):
        out.print(remark)


def words(report: dict[str, Any]) -> str:
    """What was searched, how many trials there were, and what came of them."""
    states = [trial["state"] for trial in report["trials"]]
    counted = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    best = next((trial for trial in report["trials"] if trial["number"] == report["best"]), None)
    told = f"{report['recipe']}: {len(states)} trials ({counted})"
    if best is None:
        return f"{told}."
    point = " ".join(f"{name}={value}" for name, value in best["point"].items())
    return f"{told}; the best is trial {best['number']}, {point}."


def rows(report: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """A row for each part of the data: which it is, the recipe's own score, the best trial's, and the gain."""
    scores, seen, folds = report["scores"], report["seen"], report["folds"]
    if scores is None:
        return []
    parts = {
        "seen": f"{_folds(1, seen)}, which the search saw: flattering",
        "unseen": f"{_folds(seen + 1, folds)}, which it did not see: honest",
        "holdout": "hold-out: honest",
    }
    return [
        (
            text,
            str(interval_of(scores["own"][part])),
            str(interval_of(scores["tuned"][part])),
            gain_in(scores["gains"][part]).judged,
        )
        for part, text in parts.items()
        if part in scores["own"]
    ]


def remark_of(report: dict[str, Any]) -> str:
    """What there is to say of the hold-out, or of a search without rows that it did not see; "" if nothing."""
    there = report["scores"]["own"] if report["scores"] else {}
    if there and "unseen" not in there and "holdout" not in there:
        return "There are no rows that the search did not see: no score here is honest. Give the recipe more folds."
    if report["opened"] > 1:
        return (
            f"The hold-out was opened for {report['opened']} best trials of this search: the more of them are looked "
            "at, the more its score flatters too."
        )
    return ""


def _folds(first: int, last: int) -> str:
    return f"fold {first}" if first == last else f"folds {first} to {last}"
