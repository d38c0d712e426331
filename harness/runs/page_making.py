"""How a run was made, for its page: its steps with their times, augmented images, and copies among the images."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.data.cache.rows import DAMAGE
from harness.data.dataset import Dataset
from harness.recipes.snapshots import trained_name
from harness.runs import records
from harness.runs.page_pictures import shown, uri
from harness.runs.records import Record
from harness.utils.stopwatch import Took

Array = np.ndarray

COPIES = 6  # groups of images that are shown
OF_A_GROUP = 3  # images
UNTIMED = ("data", "folds")  # steps whose time is not noted: an instant
WIDEST = 900  # pixels of a row of augmented images


@dataclass(frozen=True)
class Step:
    """A step that a run was made by.

    Args:
        name: for people.
        needs: the names of the steps before it.
        took: how long it took; None where that was not noted.
    """

    name: str
    needs: tuple[str, ...]
    took: Took | None = None


def steps(record: Record, caches: Path) -> list[Step]:
    """The steps of a run and of all it is made of, those that come first first.

    Args:
        record: the run.
        caches: the folder of the competition's caches.
    """
    found = {"data": Step("data", ()), "folds": Step("folds", ("data",))}

    def add(one: Record, name: str) -> None:
        members = one.about.get("members", {})
        for member, key in members.items():
            of_member = records.read(one.runs / member / key)
            if member not in found:
                if of_member is None:
                    found[member] = Step(member, ())
                else:
                    add(of_member, member)
        before = _before(one)
        for name_before, parent in before.items():
            if name_before not in found:
                if parent is None:
                    found[name_before] = Step(name_before, ())
                else:
                    add(parent, name_before)
        inputs = {file: file.rpartition("-")[0] for file in one.about.get("inputs", {})}
        for file, cache in inputs.items():
            found.setdefault(cache, Step(cache, ("data",), _took(caches / file)))
        found[name] = Step(name, tuple(members) or tuple(before) or ("folds", *inputs.values()), took_of(one.about))

    add(record, record.recipe)
    return [*found.values()]


def _before(record: Record) -> dict[str, Record | None]:
    """The run whose training a run goes on from, by a name for people; of a snapshot the whole training."""
    parent = record.about.get("parent")
    if not parent:
        return {}
    recipe = trained_name(record.recipe)
    name = recipe if recipe != record.recipe else f"{recipe}/{parent['run'][:8]}"
    return {name: records.read(record.folder.parent.with_name(recipe) / parent["run"])}


def in_all(found: list[Step]) -> tuple[Took, bool]:
    """How long a run took with all it is made of, and whether that is all: a cache that is gone is left out."""
    timed = [step for step in found if step.name not in UNTIMED]
    known = [step.took for step in timed if step.took is not None]
    return sum(known, Took()), len(known) == len(timed)


def _took(cache: Path) -> Took | None:
    """How long a cache took to build; None where it is gone."""
    import h5py

    try:
        with h5py.File(cache, "r") as h5:
            return took_of(h5.attrs)
    except DAMAGE:
        return None


def took_of(about: Mapping[str, Any]) -> Took:
    """The times in a record; its time on all cores is not a number where none was noted.

    Raises:
        KeyError: it has no time at all.
    """
    return Took(float(about["seconds"]), float(about.get("cpu_seconds", math.nan)))


def augmented(record: Record) -> str:
    """The first image of a run's sheet of augmented ones, in a row; "" where nothing was augmented."""
    import cv2

    sheet = cv2.imread(str(next(iter(sorted(record.folder.glob("fold-*/augmented.png"))), "")))
    if sheet is None:
        return ""
    # A row of the sheet for each image: the first quarter of its height.
    row = sheet[: len(sheet) // 4 + 2, :, ::-1]
    if row.shape[1] > WIDEST:
        height = round(len(row) * WIDEST / row.shape[1])
        row = cv2.resize(np.ascontiguousarray(row), (WIDEST, height), interpolation=cv2.INTER_AREA)
    return uri(row)


def copies(dataset: Dataset, check: dict[str, Any] | None) -> list[list[dict[str, Any]]]:
    """Groups of images that are copies of each other or look alike, as pictures with their labels and splits.

    Args:
        dataset: the images.
        check: the findings of ``harness check``; None before it, when only the data set's own groups are known.
    """
    if check is not None:
        names = [[image["id"] for image in group["images"]] for group in check["duplicates"] + check["near_duplicates"]]
    elif dataset.grouped:  # by patients and the like
        return []
    else:
        order = np.argsort(dataset.groups, kind="stable")
        starts = np.flatnonzero(np.diff(dataset.groups[order], prepend=-1))
        names = [[*dataset.ids_of(rows)] for rows in np.split(order, starts[1:]) if len(rows) > 1]
    there = [[name for name in group if name in dataset.row_of] for group in names]
    shown_groups = [group[:OF_A_GROUP] for group in there if len(group) > 1][:COPIES]
    return [[_copy(dataset, name) for name in group] for group in shown_groups]


def _copy(dataset: Dataset, name: str) -> dict[str, Any]:
    row = dataset.row_of[name]
    (label,) = dataset.words(np.array([row]))
    return shown(dataset, name) | {"label": label or "no label", "split": str(dataset.splits[row])}
