"""What a folder of images is: its layout, its labels and its test ids, with what was taken for what in words."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from harness.plugins import guess_targets
from harness.plugins.guess_annotations import of_annotations
from harness.plugins.guess_folders import of_folders
from harness.plugins.guess_names import of_names
from harness.plugins.guess_table import of_table
from harness.plugins.guessed import Choices, Guess
from harness.utils.errors import UserError, nearest


def guess(folder: Path, choices: Choices) -> Guess:
    """Look at a folder: a CSV that names images, annotations in JSON, classes in names, or folders of classes.

    Raises:
        UserError: no layout is recognised, or it could be taken for several things; the fix names the option to give.
    """
    if choices.targets is not None and choices.targets not in guess_targets.KINDS:
        raise UserError(
            f"there is no --targets {choices.targets!r}. {nearest(choices.targets, [*guess_targets.KINDS])}",
            f"give one of {', '.join(guess_targets.KINDS)} (docs/data.md)",
        )
    inside = [path for path in folder.iterdir() if path.name[0] != "." and path.name != "__MACOSX"]
    if len(inside) == 1 and inside[0].is_dir():
        return guess(inside[0], choices)
    if found := of_table(folder, choices) or of_annotations(folder, choices):
        return found
    for option, column in (("label", choices.label), ("path", choices.path), ("group", choices.group)):
        if column is not None:
            raise UserError(
                f"--{option} {column} is of a table, and {folder} has no CSV that names images.",
                f"put the CSV beside the folders of images, or leave --{option} out: folders are classes then",
            )
    found = of_names(folder) or of_folders(folder, choices)
    targets, why = guess_targets.of_classes(choices.targets, choices.metric)
    return dataclasses.replace(found, targets=targets, said=[*found.said, *why])
