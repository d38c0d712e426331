"""Deciding, before anything is trained, which precision recipes with ``mixed_precision="auto"`` train in."""

from __future__ import annotations

from collections.abc import Iterable

from harness.pipeline.artifacts import Artifacts
from harness.recipes.trained import Trained
from harness.runs import precision
from harness.runs.precision import Answer
from harness.utils.console import doing, say
from harness.utils.errors import UserError
from harness.utils.files import out_of_space


def decide(artifacts: Artifacts, names: Iterable[str]) -> None:
    """Decide for those recipes that are undecided; measure where nothing is known. The folds are there.

    Args:
        artifacts: of the competition; the answers are noted there.
        names: of recipes.
    """
    for name in names:
        recipe = artifacts.recipes[name]
        if artifacts.is_decided(name) or not isinstance(recipe, Trained):
            continue
        answer = Answer(False) if artifacts.options.smoke else artifacts.precision(name, recipe)
        if not answer.is_settled:
            answer = _measured(artifacts, name, recipe)
        artifacts.precisions[name] = answer.mixed
        if answer.why:
            say(f"{name}: {answer.why}: mixed precision is {'on' if answer.mixed else 'off'}.")


def _measured(artifacts: Artifacts, name: str, recipe: Trained) -> Answer:
    """What some steps of training the recipe's first fold say."""
    from harness.training import bfloat16

    try:
        fold = next(artifacts.fold_jobs(artifacts.run_of(name), recipe))
        with doing(f"measuring whether bfloat16 pays for {name}"):
            timing = bfloat16.measured(recipe, fold)
    except Exception as error:  # whatever a layer without bfloat16 raises; one that fails in float32 too fails again
        if out_of_space(error):
            raise
        if isinstance(error, UserError):  # a setting that cannot be; training tells it, with what to do
            return Answer(False)
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        return Answer(False, f"measuring bfloat16 failed ({reason})")
    precision.keep(timing, recipe, len(artifacts.dataset.classes))
    return precision.told(timing)
