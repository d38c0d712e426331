"""In a job's process: the piece of work that a driver asks for, if this machine would make the very same."""

from __future__ import annotations

import shlex
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from harness.cluster import environment
from harness.data.cache import cache
from harness.data.cache.cache import Cache, DamagedError, Input
from harness.pipeline import chunks
from harness.pipeline.elsewhere import from_plain
from harness.pipeline.graph import Pipeline
from harness.plugins import loading
from harness.recipes.trained import Trained
from harness.runs import machine
from harness.runs.fit import fit_fold
from harness.utils.errors import UserError
from harness.utils.workspace import Workspace


def perform(workspace: Workspace, asked: dict[str, Any]) -> dict[str, Any]:
    """Make a fold or a chunk; files have it, so there is nothing to answer.

    Args:
        workspace: where things are kept.
        asked: what ``Elsewhere`` asks.

    Raises:
        UserError: code, data or settings are not the driver's.
    """
    pipeline = pipeline_of(workspace, asked)
    {"fold": _fold, "chunk": _chunk}[asked["kind"]](pipeline, asked)
    return {}


def pipeline_of(workspace: Workspace, asked: dict[str, Any]) -> Pipeline:
    """The driver's pipeline, with its recipes and its table of images.

    Raises:
        UserError: code, data or settings are not the driver's.
    """
    environment.require_alike(asked["environment"], environment.of_driver(), environment.host())
    pipeline = Pipeline(workspace, loading.load(workspace, asked["competition"]), from_plain(asked["options"]))
    artifacts = pipeline.artifacts
    artifacts.failed |= asked["failed"]
    artifacts.precisions |= asked["precisions"]  # what is faster on this machine does not count
    known = artifacts.known_dataset()
    if known is None:
        raise differs(f"the table of images of {asked['competition']} is of other data")
    artifacts.dataset = known  # without the lock: many read it at once
    artifacts.choose(asked["chosen"])
    return pipeline


def _fold(pipeline: Pipeline, asked: dict[str, Any]) -> None:
    artifacts = pipeline.artifacts
    run = artifacts.run_of(asked["recipe"])
    if run.key != asked["key"]:
        raise differs(f"{asked['title']} would be of the run {run.key}, not of {asked['key']}")
    recipe = pipeline.of_folds(run.recipe)
    folds = artifacts.fold_jobs(run, recipe, partial(_opened, pipeline))
    fold = next(islice(folds, asked["fold"], None))

    def made_on() -> dict[str, Any]:
        about = machine.about(trained=isinstance(recipe, Trained))  # which loads Keras, if fitting has not
        return about | {"host": environment.host(), "libraries": environment.libraries()}

    fit_fold(run, recipe, fold, artifacts.dataset, made_on)


def _chunk(pipeline: Pipeline, asked: dict[str, Any]) -> None:
    artifacts = pipeline.artifacts
    inputs = (input for recipe in artifacts.recipes.values() for input in recipe.inputs())
    input = next((one for one in inputs if one.key(artifacts.dataset) == asked["key"]), None)
    if input is None:
        raise differs(f"no recipe here reads the cache {asked['key']} that {asked['title']} are of")
    chunks.write(Path(asked["file"]), asked["key"], input, artifacts.dataset, asked["rows"])


def _opened(pipeline: Pipeline, input: Input) -> Cache:
    """A cache that the driver has built; a job writes none."""
    file, key = pipeline.artifacts.cache_file(input), input.key(pipeline.artifacts.dataset)
    try:
        return cache.open_cache(file, key, input.opened)
    except DamagedError as damage:
        raise UserError(
            f"{file} {damage} on {environment.host()}.",
            f"rm {shlex.quote(str(file))}, then the same command, which makes it again",
        ) from damage


def differs(what: str) -> UserError:
    """What a worker says that would make another thing than it is asked."""
    return UserError(
        f"the worker on {environment.host()} would make another thing than it is asked: {what}. Code, data, settings "
        "or Keras's backend differ.",
        "see that all machines have the same files and the same installation, then start the workers again",
    )
