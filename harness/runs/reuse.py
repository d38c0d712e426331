"""What a run need not train itself, for another run has trained it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from harness.data.fold import Fold
from harness.recipes.trained import Trained
from harness.runs.run import Run
from harness.training.checkpoint import CheckpointStore, resume_from
from harness.utils.console import say
from harness.utils.files import read_json, whole_folder

# What predicting leaves in a fold's folder.
PREDICTED = ("predictions.h5", "fold.json", "views.npz")


def reuse_weights(run: Run, fold: Fold) -> None:
    """Put into the folder of a fold of which nothing is trained yet what another run has trained of it.

    That is all of it, where a run of the same recipe has trained the same weights and asked them in another way; or
    what its parent had trained after an epoch.

    Raises:
        UserError: the parent has no checkpoint after that epoch.
    """
    if not isinstance(run.recipe, Trained) or any((fold.folder / "checkpoints").glob("[!.]*.npz")):
        return
    for sibling in _siblings(run):
        if link_training(sibling / fold.folder.name, fold.folder, run.recipe):
            say(f"{fold.title}: weights taken from run {sibling.name}.")
            return
    if run.parent is not None:
        resume_from(run.parent.run.folder / fold.folder.name, fold.folder, run.parent.epoch)


def is_trained(run: Run) -> bool:
    """Whether another run of the recipe, which is finished, was trained as this one would be."""
    return bool(_siblings(run))


def _siblings(run: Run) -> list[Path]:
    """The folders of the recipe's other finished runs whose weights were made from the same, the latest first."""
    records = {file.parent: read_json(file, sealed=False) or {} for file in run.folder.parent.glob("*/run.json")}
    same = {
        folder: about.get("sequence", 0)
        for folder, about in records.items()
        if folder != run.folder and about.get("training_key") == run.training_key
    }
    return sorted(same, key=lambda folder: same[folder], reverse=True)


def link_training(theirs: Path, folder: Path, recipe: Trained) -> bool:
    """Put all that training left in one fold's folder into another's: as hard links where the disk has them.

    The checkpoints appear last and all at once, so whoever is stopped here begins again.

    Args:
        theirs, folder: the folders of the two runs' folds.
        recipe: tells when training is finished.

    Returns:
        Whether the training is there: not where it is unfinished, damaged, or being removed meanwhile.
    """
    try:
        left_out = shutil.ignore_patterns(*PREDICTED, "checkpoints", ".*")
        shutil.copytree(theirs, folder, ignore=left_out, copy_function=_link, dirs_exist_ok=True)
        with whole_folder(folder / "checkpoints") as coming:
            hidden = shutil.ignore_patterns(".*")
            shutil.copytree(theirs / "checkpoints", coming, ignore=hidden, copy_function=_link, dirs_exist_ok=True)
            if not _is_finished(CheckpointStore(coming), recipe):
                raise _UnfinishedError
    except (OSError, _UnfinishedError):
        return False
    return True


class _UnfinishedError(Exception):
    """What was copied is no finished training."""


def _link(source: str, target: str) -> None:
    # Over a file that is there, which may itself be a link, nothing is written.
    Path(target).unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _is_finished(store: CheckpointStore, recipe: Trained) -> bool:
    checkpoint = store.latest()
    if checkpoint is None or not checkpoint[1].finished(recipe):
        return False
    return recipe.monitor == "last" or store.best(checkpoint[1], recipe.monitor) is not None
