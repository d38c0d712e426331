"""Images that are given to be predicted: a folder of them, one file, or a CSV that lists some."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np

from harness.data.columns import Columns
from harness.data.dataset import Dataset
from harness.data.readers.reader import IMAGE_SUFFIXES, Files, images_below, is_image, left_out
from harness.data.splits import TEST
from harness.data.targets import Targets
from harness.data.windowed import Windowed
from harness.data.windows import Window
from harness.utils import fingerprint as fp
from harness.utils.console import say
from harness.utils.errors import UserError, some

Array = np.ndarray


def given_images(path: Path, classes: tuple[str, ...], targets: Targets, window: Window = "file") -> Dataset:
    """A data set of unlabelled images, all of the split "test".

    Args:
        path: a folder, whose images are called by their paths below it; an image; or a CSV with the columns ``path``
            (relative to the CSV) and, where images are to be called otherwise, ``id``. Its other columns are what is
            known of the images.
        classes: the classes they are predicted among.
        targets: what is predicted.
        window: which value is black and which is white in images of more than 8 bits.

    Raises:
        UserError: there is nothing there, no image, or a CSV that is none of images.
    """
    cells: dict[str, Array] = {}
    if path.is_dir():
        root, sources = path, images_below(path, "")
        ids = sources
        if missing := left_out(path):
            say(missing)
        if not sources:
            raise UserError(
                f"there is no image in {path}, of the kinds {', '.join(sorted(IMAGE_SUFFIXES))}.", "give another folder"
            )
    elif not path.exists():
        raise UserError(f"there is no {path}.", "give a folder of images, an image, or a CSV with a column path")
    elif is_image(path.name):
        root, ids, sources = path.parent, [path.name], [path.name]
    else:
        root = path.parent
        ids, sources, cells = _listed(path)
    names = tuple(ids)
    return Dataset(
        ids=names,
        splits=np.full(len(names), TEST),
        labels=targets.unlabelled(len(names), classes),
        groups=np.arange(len(names)),
        sources=tuple(sources),
        hashes=names,
        classes=classes,
        images=Windowed(Files(root), window),
        fingerprint=fp.fingerprint(root=str(root.resolve()), ids=names, sources=sources, window=window),
        targets=targets,
        columns=Columns(cells) if cells else None,
    )


def _listed(file: Path) -> tuple[list[str], list[str], dict[str, Array]]:
    """The ids and the paths that a CSV lists, and its other columns by name."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            header, *rows = [row for row in csv.reader(stream) if row]
        if "path" not in header or any(len(row) != len(header) for row in rows):
            raise ValueError(f"its first line is {','.join(header)!r}")
    except (ValueError, csv.Error) as error:
        raise UserError(
            f"{file} is neither an image nor a CSV of images with a column path: {error}.", "correct its first line"
        ) from None
    sources = [row[header.index("path")] for row in rows]
    ids = [row[header.index("id")] for row in rows] if "id" in header else sources
    twice = [name for name, count in Counter(ids).items() if count > 1]
    missing = [source for source in sources if not (file.parent / source).is_file()]
    if not rows or twice or missing:
        problems = [
            *(["it lists none"] if not rows else []),
            *([f"{len(twice):,} ids occur more than once ({some(twice, 3)})"] if twice else []),
            *([f"{len(missing):,} files are not there ({some(missing, 3)})"] if missing else []),
        ]
        raise UserError(f"{file} does not fit its images: {'; '.join(problems)}.", "correct the CSV")
    others = {name: place for place, name in enumerate(header) if name not in ("id", "path")}
    return ids, sources, {name: np.array([row[place] for row in rows]) for name, place in others.items()}
