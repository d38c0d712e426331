"""In a job's process: one trial of a search, which the study's journal tells what to try."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from harness.cluster import environment
from harness.pipeline.job import differs, pipeline_of
from harness.tuning.search import Search, require_optuna
from harness.tuning.subject import subject
from harness.utils.errors import UserError
from harness.utils.files import FREE_ROOM, out_of_space
from harness.utils.workspace import Workspace


def perform(workspace: Workspace, asked: dict[str, Any]) -> dict[str, Any]:
    """Run the next trial, if there is one to begin.

    Args:
        workspace: where things are kept.
        asked: what ``on_workers`` asks; "until" in seconds since 1970, by clocks that are taken to agree.

    Returns:
        "begun", whether there was one.

    Raises:
        UserError: code, data or settings are not the driver's, or all of the first trials failed.
    """
    require_optuna()
    searched = subject(pipeline_of(workspace, asked), asked["recipe"], asked["space"], asked["seen"])
    if searched.key != asked["key"]:
        raise differs(f"{asked['title']} would be of the search {searched.key}, not of {asked['key']}")
    left = None if asked["until"] is None else max(0.0, asked["until"] - time.time())
    search = Search(searched, asked["trials"], left, Path(asked["log"]))
    try:
        return {"begun": search.run_next(job=asked["job"])}
    except Exception as error:
        if not out_of_space(error):
            raise
        raise UserError(f"the disk of {environment.host()} is full: {error}.", FREE_ROOM) from error
