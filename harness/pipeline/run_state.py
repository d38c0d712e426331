"""Whether a finished run is what its settings would give today: of the data, folds and versions that there are."""

from __future__ import annotations

from harness.pipeline.artifacts import Artifacts
from harness.recipes.recipe import Recipe
from harness.recipes.settings import restored
from harness.recipes.snapshots import trained_name
from harness.runs import records
from harness.runs.records import Record
from harness.runs.run import Parent, Run
from harness.utils.errors import UserError

UP_TO_DATE, STALE = "up to date", "stale"


def state(record: Record, artifacts: Artifacts, kinds: dict[str, type[Recipe]]) -> str:
    """Up to date, or stale: made of other data or folds, made or scored by an older step, or of settings that are gone.

    Args:
        record: the run.
        artifacts: of its competition; the data is known.
        kinds: the classes of recipes, by name.
    """
    try:
        run = _remade(record, artifacts, kinds)
        is_current = run.key == record.key and run.metrics() is not None  # else it was scored by an older version
    except (UserError, KeyError, FileNotFoundError):
        return STALE
    for name, key in record.about.get("members", {}).items():
        member = records.read(record.folder.parent.parent / name / key)
        is_current = is_current and member is not None and state(member, artifacts, kinds) == UP_TO_DATE
    return UP_TO_DATE if is_current else STALE


def _remade(record: Record, artifacts: Artifacts, kinds: dict[str, type[Recipe]]) -> Run:
    """The run that a record's settings, members and parent would make today."""
    recipe, parent = restored(record.settings, kinds), None
    if record.about.get("parent"):
        # A snapshot's parent is a run of the whole.
        trained = record.folder.parent.with_name(trained_name(record.recipe))
        of_parent = records.read(trained / record.about["parent"]["run"])
        if of_parent is None:
            raise FileNotFoundError(record.about["parent"]["run"])
        parent = Parent(_remade(of_parent, artifacts, kinds), record.about["parent"]["epoch"])
    return artifacts.run(record.recipe, recipe, parent, record.about.get("members") or {})
