"""Searches of settings as their folders tell of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.runs.records import Record
from harness.utils.files import read_json

SUMMARY = "search.json"
COMPLETE, PRUNED, FAILED, RUNNING = "complete", "stopped early", "failed", "running"  # what a trial may be


def search_of(record: Record) -> dict[str, Any] | None:
    """The summary of the latest search of which a run is a trial, or whose recipe it is as it was; None without one.

    ``harness.tuning.outcome.summary`` says what it holds.
    """
    found = _read(record.runs, record.recipe)
    of_run = [one for one in found if record.key in (one["own"], *(trial["run"] for trial in one["trials"]))]
    return of_run[-1] if of_run else None


def hidden(runs: Path) -> list[tuple[str, int, int]]:
    """For each recipe that was searched: how many trials there were, and how many runs of them are not finished."""
    run_of: dict[str, list[str]] = {}
    for search in _read(runs, "*"):
        run_of.setdefault(search["recipe"], []).extend(trial["run"] for trial in search["trials"])
    return [
        (recipe, len(keys), sum(not (runs / recipe / key / "run.json").exists() for key in {*keys} if key))
        for recipe, keys in run_of.items()
    ]


def _read(runs: Path, recipe: str) -> list[dict[str, Any]]:
    """The summaries of the searches of a recipe, or of all by "*", the oldest first."""
    files = sorted(runs.glob(f"{recipe}/search-*/{SUMMARY}"), key=lambda file: (file.stat().st_mtime_ns, file))
    found = [summary for file in files if (summary := read_json(file)) is not None]
    return [summary for summary in found if not summary["smoke"]]
