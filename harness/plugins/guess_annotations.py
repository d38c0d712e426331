"""Annotations in JSON of the COCO kind: which file is of the training images, which of others, where the images lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.data.readers import CocoJson
from harness.data.readers.reader import is_image, walk
from harness.data.targets import MULTICLASS
from harness.plugins import guess_targets
from harness.plugins.guess_paths import TRIED, of_test
from harness.plugins.guessed import AmbiguousError, Choices, Guess, only_holdout
from harness.plugins.sample import only_sample
from harness.utils.errors import UserError, some

HELD_OUT = ("val", "valid", "holdout", "dev")
# Parts of an image's entry that often tie images together.
GROUPS = ("location", "seq_id", "patient_id", "rights_holder")


def of_annotations(folder: Path, choices: Choices) -> Guess | None:
    """A JSON of images, annotations and categories; None if there is none.

    Raises:
        UserError: several could be of the training images, or their images are not there.
    """
    contents = {file.name: content for file in sorted(folder.glob("*.json")) if (content := _listing(file))}
    labelled = [name for name, content in contents.items() if "annotations" in content and "categories" in content]
    if not labelled:
        return None
    held_out = [name for name in labelled if any(word in name.lower() for word in HELD_OUT) and "train" not in name]
    train = _train(folder, [name for name in labelled if name not in held_out])
    holdout = _holdout(folder, held_out, choices.holdout)
    unlabelled = [name for name in contents if name not in labelled]
    tests = [name for name in unlabelled if "test" in name.lower()] or unlabelled
    test = tests[0] if len(tests) == 1 else None
    there = [path for path, _ in walk(folder) if is_image(path)]
    path = choices.path or _path(folder / train, contents[train], there)
    test_path = _test_path(folder / test, contents[test], there, path) if test else path
    sample, targets = only_sample(folder), _targets(choices)
    reader = CocoJson(
        train=train,
        holdout=holdout,
        test=test,
        path=path,
        test_path=None if test_path == path else test_path,
        several=targets.may_be_empty,
        group=choices.group,
        sample=sample.name if sample else None,
    )
    said = [
        f"training rows: {train}, annotations of {len(contents[train]['images']):,} images at {path}",
        "labels: the numbers of categories",
        f"hold-out: {holdout}" if holdout else "hold-out: cut from the training rows",
        f"test rows: {test}, images at {test_path}" if test else "test rows: none",
        *_said_of_groups(contents[train]["images"][0], choices.group),
    ]
    return Guess(reader, folder, said, targets, sample)


def _listing(file: Path) -> dict[str, Any] | None:
    """The lists of a JSON whose images have ids and file names; None if it is none."""
    try:
        raw = file.read_bytes()
        content = json.loads(raw.decode("utf-8-sig", errors="replace"))
    except (ValueError, RecursionError):
        return None
    images = content.get("images") if isinstance(content, dict) else None
    if not isinstance(images, list) or not images:
        return None
    return content if all(isinstance(one, dict) and {"id", "file_name"} <= one.keys() for one in images) else None


def _train(folder: Path, files: list[str]) -> str:
    named = [name for name in files if "train" in name.lower()] if len(files) > 1 else files
    if len(named) != 1:
        raise UserError(
            f"several JSONs in {folder} annotate images, and no one alone is of the training images: "
            f"{some(named or files) or 'none but those of a hold-out'}.",
            "move the others elsewhere, or write the reader CocoJson(…) by hand (docs/data.md)",
        )
    return named[0]


def _holdout(folder: Path, files: list[str], chosen: str | None) -> str | None:
    left = [name for name in files if chosen in (None, name)]
    if chosen is not None and not left:
        raise UserError(f"{folder} has no annotated {chosen}.", f"--holdout {files[0] if files else 'FILE.json'}")
    return only_holdout(folder, left)


def _path(file: Path, content: dict[str, Any], there: list[str]) -> str:
    """The pattern of paths of a file's images: their names, below a folder or not."""
    names = [str(entry["file_name"]) for entry in content["images"][:TRIED]]
    ends = [path.removesuffix(names[0]) for path in there if path == names[0] or path.endswith(f"/{names[0]}")]
    known = set(there)
    folders = [before for before in ends if all(f"{before}{name}" in known for name in names)]
    if not folders:
        raise UserError(
            f"the images that {file} lists are not there: {some(names, 3)}.", "unpack the organiser's images beside it"
        )
    of_file = [before for before in folders if before.split("/")[0] and before.split("/")[0] in file.stem]
    places = [f"{before}{{file_name}}" for before in (of_file if len(folders) > 1 else folders)]
    if len(places) != 1:
        places = places or [f"{before}{{file_name}}" for before in folders]
        raise AmbiguousError(
            f"the images of {file.name} could be at {some(places)}.", f"say which: --path '{places[0]}'", "path", places
        )
    return places[0]


def _test_path(file: Path, content: dict[str, Any], there: list[str], of_train: str) -> str:
    """The same of test images: at the same place as those of the training, if they are there."""
    (alike,), known = of_test((of_train,)), set(there)
    names = [str(entry["file_name"]) for entry in content["images"][:TRIED]]
    if alike != of_train and all(alike.replace("{file_name}", name) in known for name in names):
        return alike
    try:
        return _path(file, content, there)
    except AmbiguousError as error:
        raise UserError(str(error), "move the others elsewhere, or write test_path= by hand (docs/data.md)") from None


def _targets(choices: Choices) -> Any:
    if choices.targets is None:
        return MULTICLASS
    if choices.targets not in ("multiclass", "multilabel"):
        raise UserError(
            f"annotations give classes or labels. Received: --targets {choices.targets}",
            "--targets multiclass or multilabel",
        )
    return guess_targets.KINDS[choices.targets]


def _said_of_groups(entry: dict[str, Any], given: str | None) -> list[str]:
    if given is not None:
        return [f"groups: {given!r} of an image's entry; no fold separates its values"]
    there = [name for name in GROUPS if name in entry]
    return [f"groups: none; if images of one {there[0]} belong together: --group {there[0]}"] if there else []
