"""Running the published experiments row by row, and keeping the page of results."""

from __future__ import annotations

import dataclasses
import json
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from harness import competition as competitions
from harness.console import say, seconds
from harness.errors import UserError
from harness.files import lock, out_of_space, write_text
from harness.pipeline import Options, Pipeline
from harness.published import ROWS, Row
from harness.recipes.recipe import Recipe
from harness.recipes.settings import plain
from harness.records import records
from harness.report import results
from harness.workspace import Workspace

RAN, LEFT_OUT, FAILED = "ran", "left out", "failed"


@dataclass(frozen=True)
class Outcome:
    """How it went with a row: ran, left out for want of data, or failed; and what is to be said about that."""

    row: Row
    state: str
    told: str


def reproduce(workspace: Workspace, rows: list[Row], smoke: bool) -> list[Outcome]:
    """Run rows one after the other, each as far as it goes, and renew the page after each.

    Args:
        workspace: where things are kept.
        rows: which.
        smoke: shrink every recipe, and leave the page as it is.
    """
    started, found = time.monotonic(), []
    for number, row in enumerate(rows, 1):
        so_far = seconds(time.monotonic() - started)
        say(f"\nrow {row.number}, {row.competition} {row.recipe}: {number} of {len(rows)}, {so_far} so far")
        found.append(_run(workspace, row, smoke))
        if found[-1].state != RAN:
            say(f"row {row.number}: {found[-1].state}. {found[-1].told}")
        if not smoke:
            write_page(workspace)
    return found


def _run(workspace: Workspace, row: Row, smoke: bool) -> Outcome:
    if row.competition not in competitions.names(workspace):
        mend = f"harness new {row.competition} --from DIR, then the recipe {row.recipe} in its recipes.py"
        return Outcome(row, LEFT_OUT, f"No competition {row.competition} here: {mend}")
    started, state = time.monotonic(), LEFT_OUT
    try:
        pipeline = Pipeline(workspace, competitions.load(workspace, row.competition), Options(smoke=smoke))
        chosen = pipeline.choose([row.recipe])
        _ = pipeline.source  # what is wrong up to here is that there is no data
        state = FAILED
        pipeline.perform(chosen)
    except UserError as error:
        return Outcome(row, state, _told(error))
    except Exception as error:
        if out_of_space(error):  # the next row would meet it too
            raise
        say(traceback.format_exc())
        return Outcome(row, FAILED, f"{type(error).__name__}: {error}")
    return Outcome(row, RAN, f"in {seconds(time.monotonic() - started)}")


def _told(error: UserError) -> str:
    return error.what + (f"\n  mend: {error.mend}" if error.mend else "")


def write_page(workspace: Workspace) -> Path:
    """Write ``docs/results.md`` from the records of all runs there are."""
    declared = {name: _recipes(workspace, name) for name in competitions.names(workspace)}
    file = workspace.root / "docs" / "results.md"
    with lock(workspace.runs(file.name), "the page of results"):
        write_text(file, results.page(ROWS, declared, lambda name: records(workspace.runs(name))))
    return file


def _recipes(workspace: Workspace, name: str) -> dict[str, results.Declared]:
    try:
        recipes, _ = competitions.recipes(competitions.load(workspace, name))
    except UserError as error:
        say(f"{name} is left off the page of results. {_told(error)}")
        return {}
    return {name: _declared(recipe) for name, recipe in recipes.items()}


def _declared(recipe: Recipe) -> results.Declared:
    fields = dataclasses.fields(recipe)
    usual = {field.name: field.default for field in fields if field.default is not dataclasses.MISSING}
    return results.Declared(_through_json(plain(recipe)), _through_json(usual))


def _through_json(settings: dict) -> dict:
    return json.loads(json.dumps(settings))
