"""Running the published experiments row by row, and updating the page of results."""

from __future__ import annotations

import dataclasses
import json
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from harness.pipeline.graph import Pipeline
from harness.pipeline.prepared import Options
from harness.pipeline.rescoring import rescore
from harness.plugins import loading
from harness.recipes.recipe import Recipe
from harness.recipes.settings import plain
from harness.reproduce import page
from harness.reproduce.published import ROWS, Row
from harness.runs.comparison import of_metric
from harness.runs.records import Record, records
from harness.utils.console import say, seconds
from harness.utils.errors import UserError
from harness.utils.files import lock, out_of_space, write_text
from harness.utils.fingerprint import left_out
from harness.utils.workspace import Workspace

RAN, LEFT_OUT, FAILED = "ran", "left out", "failed"


@dataclass(frozen=True)
class Outcome:
    """The outcome of a row: ran, left out because its data is missing, or failed; and a message about it."""

    row: Row
    state: str
    told: str


def reproduce(workspace: Workspace, rows: list[Row], smoke: bool) -> list[Outcome]:
    """Run rows one after the other, and update the page after each. A row that fails does not stop the others.

    Args:
        workspace: where files are kept.
        rows: the rows to run.
        smoke: make smoke runs, and leave the page as it is.
    """
    started, outcomes = time.monotonic(), []
    for number, row in enumerate(rows, 1):
        elapsed = seconds(time.monotonic() - started)
        say(f"\nrow {row.number}, {row.competition} {row.recipe}: {number} of {len(rows)}, {elapsed} so far")
        outcome = _run(workspace, row, smoke)
        outcomes.append(outcome)
        if outcome.state != RAN:
            say(f"row {row.number}: {outcome.state}. {outcome.told}")
        if not smoke:
            write_page(workspace)
    return outcomes


def _run(workspace: Workspace, row: Row, smoke: bool) -> Outcome:
    if row.competition not in loading.names(workspace):
        fix = f"harness new {row.competition} --from DIR, then add the recipe {row.recipe} to its recipes.py"
        return Outcome(row, LEFT_OUT, f"There is no competition {row.competition}.\n  fix: {fix}")
    started, state = time.monotonic(), LEFT_OUT
    try:
        pipeline = Pipeline(workspace, loading.load(workspace, row.competition), Options(smoke=smoke))
        chosen = pipeline.artifacts.choose([row.recipe])
        _ = pipeline.artifacts.source  # an error up to here means that there is no data
        state = FAILED
        pipeline.perform(chosen)
    except UserError as error:
        return Outcome(row, state, _words(error))
    except Exception as error:
        if out_of_space(error):  # all further rows would fail too
            raise
        say(traceback.format_exc())
        return Outcome(row, FAILED, f"{type(error).__name__}: {error}")
    return Outcome(row, RAN, f"in {seconds(time.monotonic() - started)}")


def _words(error: UserError) -> str:
    return error.what + (f"\n  fix: {error.fix}" if error.fix else "")


def write_page(workspace: Workspace) -> Path:
    """Write ``docs/results.md`` from the records of all existing runs."""
    declared = {name: _recipes(workspace, name) for name in loading.names(workspace)}

    def finished(name: str) -> list[Record]:
        if not declared[name]:
            return []
        competition = loading.load(workspace, name)
        rescore(Pipeline(workspace, competition, Options()).artifacts)
        found = of_metric(records(workspace.runs(name)), competition.metric)
        return [record for record in found if record.scores]

    file = workspace.root / "docs" / "results.md"
    with lock(workspace.runs(file.name), "the page of results"):
        write_text(file, page.page(ROWS, declared, finished, workspace.cache))
    return file


def _recipes(workspace: Workspace, name: str) -> dict[str, page.Declared]:
    try:
        recipes, _ = loading.recipes(loading.load(workspace, name))
    except UserError as error:
        say(f"{name} is left off the page of results. {_words(error)}")
        return {}
    return {name: _declared(recipe) for name, recipe in recipes.items()}


def _declared(recipe: Recipe) -> page.Declared:
    usual = {field.name: left_out(field) for field in dataclasses.fields(recipe)}
    defaults = {name: value for name, value in usual.items() if value is not dataclasses.MISSING}
    return page.Declared(_through_json(plain(recipe)), _through_json(defaults))


def _through_json(settings: dict) -> dict:
    return json.loads(json.dumps(settings))
