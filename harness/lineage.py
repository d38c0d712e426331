"""What a run need not train itself, for another run has trained it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.console import say
from harness.files import read_json
from harness.recipes.trained import Trained

if TYPE_CHECKING:
    from harness.recipes.recipe import Fold
    from harness.runs import Run


def inherit(run: Run, fold: Fold) -> None:
    """Put into the folder of a fold of which nothing is trained yet what another run has trained of it.

    That is all of it, where a run of the same recipe has trained the same weights and asked them in another way; or
    what its parent had trained after an epoch.

    Raises:
        UserError: the parent has no checkpoint after that epoch.
    """
    from harness.training import checkpoint
    from harness.training.takeover import take_over

    if not isinstance(run.recipe, Trained) or any((fold.folder / "checkpoints").glob("[!.]*.npz")):
        return
    for sibling in _siblings(run):
        if take_over(sibling / fold.folder.name, fold.folder, run.recipe):
            say(f"{fold.title}: weights taken from run {sibling.name}.")
            return
    if run.parent is not None:
        checkpoint.inherit(run.parent.run.folder / fold.folder.name, fold.folder, run.parent.epoch)


def _siblings(run: Run) -> list[Path]:
    """The folders of the recipe's other finished runs whose weights were made from the same, the latest first."""
    records = {file.parent: read_json(file) or {} for file in run.folder.parent.glob("*/run.json")}
    same = {
        folder: about["finished"]
        for folder, about in records.items()
        if folder != run.folder and about.get("training_key") == run.training_key
    }
    return sorted(same, key=lambda folder: same[folder], reverse=True)
