"""Taking over a finished training of another run that began with the very same."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from harness.training.checkpoint import Store

if TYPE_CHECKING:
    from harness.recipes.trained import Trained

# What predicting leaves in a fold's folder.
PREDICTED = ("predictions.h5", "fold.json", "views.npz")


def take_over(theirs: Path, folder: Path, recipe: Trained) -> bool:
    """Put all that training left in one fold's folder into another's: as hard links where the disk has them.

    The checkpoints appear last and all at once, so whoever is stopped here begins again.

    Args:
        theirs, folder: the folders of the two runs' folds.
        recipe: tells when training is finished.

    Returns:
        Whether the training is there: not where it is unfinished, damaged, or being removed meanwhile.
    """
    coming = folder / ".checkpoints.tmp"
    shutil.rmtree(coming, ignore_errors=True)
    try:
        left_out = shutil.ignore_patterns(*PREDICTED, "checkpoints", ".*")
        shutil.copytree(theirs, folder, ignore=left_out, copy_function=_link, dirs_exist_ok=True)
        shutil.copytree(theirs / "checkpoints", coming, ignore=shutil.ignore_patterns(".*"), copy_function=_link)
    except OSError:
        return False
    if _is_finished(Store(coming), recipe):
        coming.replace(folder / "checkpoints")
        return True
    shutil.rmtree(coming)
    return False


def _link(source: str, target: str) -> None:
    # Over a file that is there, which may itself be a link, nothing is written.
    Path(target).unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _is_finished(store: Store, recipe: Trained) -> bool:
    found = store.latest()
    if found is None or not found[1].finished(recipe.epochs, recipe.patience, recipe.best):
        return False
    return recipe.best == "last" or store.best(found[1], recipe.best) is not None
