"""Folders of classes: at the top, or below ``train/`` with a hold-out and a test folder beside it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from harness.data.readers import ClassFolders
from harness.data.readers.reader import file_name, find, images_below, natural
from harness.plugins.guessed import Choices, Guess, only_holdout
from harness.plugins.sample import only_sample, samples_in
from harness.utils.errors import UserError, some

# Names of folders that are parts of a data set, not classes of it.
TRAIN_NAMES = ("train", "training")
HELD_OUT_NAMES = ("val", "valid", "validation", "test", "testing")


def of_folders(folder: Path, choices: Choices) -> Guess:
    """Folders of classes.

    Raises:
        UserError: there are none, or they could be taken for several things; the fix names the option to give.
    """
    return _with_sample(_class_folders(folder, choices))


def _with_sample(found: Guess) -> Guess:
    """The same with the ids and the columns of the sample submission, where its ids are the names of test images."""
    files, sample = samples_in(found.folder), only_sample(found.folder)
    if not files:
        return found
    assert isinstance(found.reader, ClassFolders)
    test = found.reader.test
    paths = images_below(found.folder, test) if test and (found.folder / test).is_dir() else []
    if sample is None or not paths or set(sample.ids) != {file_name(path) for path in paths}:
        unused = some([path.name for path in files])
        found.said.append(f"not used: {unused}; ids are paths, such as train/class/1.jpg, not the board's")
        return found
    found.said.append(f"ids of the test: names of images, as in {sample.name}")
    reader = dataclasses.replace(found.reader, test_ids="name")
    named = dataclasses.replace(reader, labelled_ids="name")
    ids = [row.id for row in named.listing(found.folder).rows]
    reader = named if len(set(ids)) == len(ids) else reader
    return dataclasses.replace(found, reader=reader, sample=sample)


def _class_folders(folder: Path, choices: Choices) -> Guess:
    """Folders of classes, at the top or below ``train/``, with a hold-out and a test folder beside it."""
    names = sorted((path.name for path in folder.iterdir() if path.is_dir() and path.name[0] not in "._"), key=natural)
    parts = [name for name in names if name.lower() in (*TRAIN_NAMES, *HELD_OUT_NAMES)]
    train = [name for name in parts if name.lower() in TRAIN_NAMES]
    if not train:
        return _without_train(folder, parts, choices)
    labelled = [name for name in parts if name not in train and ClassFolders(train=name).matches(folder)]
    if choices.holdout is not None:
        chosen = choices.holdout.rstrip("/")
        if chosen not in labelled:
            with_classes = f"folders of classes are in {some(labelled)}" if labelled else "no other folder has classes"
            raise UserError(
                f"{folder / chosen} is no folder of classes beside {train[0]}/; {with_classes}.", "--holdout FOLDER"
            )
        labelled = [chosen]
    holdout = only_holdout(folder, labelled)
    unlabelled = [name for name in parts if name.lower().startswith("test") and name not in labelled]
    unlabelled = [name for name in unlabelled if not ClassFolders(train=name).matches(folder)]
    reader = ClassFolders(train=train[0], holdout=holdout, test=unlabelled[0] if unlabelled else None)
    if not reader.matches(folder):
        raise UserError(
            f"{folder / train[0]} has neither two folders of classes, nor a CSV beside it that names its images.",
            f"put the images into {train[0]}/<class>/, or a CSV of labels beside it",
        )
    unused = sorted(set(names) - {reader.train, reader.holdout, reader.test})
    said = [f"labels: the names of the folders in {train[0]}/"]
    said += [f"hold-out: {reader.holdout}/"] if reader.holdout else []
    said += [f"test rows: {reader.test}/"] if reader.test else ["test rows: none"]
    said += [f"not used: {', '.join(unused)}"] if unused else []
    return Guess(reader, folder, said=said)


def _without_train(folder: Path, parts: list[str], choices: Choices) -> Guess:
    """Folders of classes at the top; ``parts`` are those whose names are of a part of a data set."""
    if set(parts) - {"test"}:
        raise UserError(
            f"{folder} has folders that are parts of a data set, not classes, and no train/: {some(parts)}.",
            "rename the folder of training images to train/",
        )
    if choices.holdout is not None:
        raise UserError(
            f"{folder} has no train/, beside which a hold-out could be. Received: --holdout {choices.holdout}",
            "put the folders of classes to train on into train/",
        )
    found, at = find((ClassFolders(test="test"),), folder)
    return Guess(found, at, said=["labels: the names of the folders"])
