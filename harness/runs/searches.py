"""Searches of settings as their folders tell of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.runs.records import Record
from harness.utils.files import read_json

SUMMARY = "search.json"


def searches(runs: Path) -> list[dict[str, Any]]:
    """The summaries of a competition's searches, the oldest first; see ``harness.tuning.outcome.summary``.

    Args:
        runs: the competition's folder of runs.
    """
    return _read(runs, "*")


def search_of(record: Record) -> dict[str, Any] | None:
    """The latest search of which a run is a trial, or whose recipe it is as it was; None without one."""
    found = _read(record.folder.parent.parent, record.recipe)
    of_run = [one for one in found if record.key in (one["own"], *(trial["run"] for trial in one["trials"]))]
    return of_run[-1] if of_run else None


def _read(runs: Path, recipe: str) -> list[dict[str, Any]]:
    files = sorted(runs.glob(f"{recipe}/search-*/{SUMMARY}"), key=lambda file: (file.stat().st_mtime_ns, file))
    return [summary for file in files if (summary := read_json(file)) is not None]
