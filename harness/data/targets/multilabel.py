"""Several labels an image."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from harness.data.readers.reader import natural
from harness.data.targets.targets import Label, Targets
from harness.utils.errors import UserError, some

Array = np.ndarray

UNLABELLED = -1


@dataclass(frozen=True)
class Multilabel(Targets):
    """Any number of labels an image: (n, labels) int8 of 0 and 1, rows of -1 for images without known labels.

    Columns of a table are labels, a 1 in each that the image has; or one column lists them.

    Args:
        separator: between the labels of a list; a blank stands for any number of blanks.
    """

    separator: str = " "
    name: ClassVar[str] = "multilabel"
    link: ClassVar[str] = "sigmoid"
    values: ClassVar[tuple[str, ...]] = ("labels", "columns", "top")
    may_be_empty: ClassVar[bool] = True

    def classes_of(self, labels: Sequence[Label], listed: tuple[str, ...], sampled: tuple[str, ...]) -> tuple[str, ...]:
        if not any(isinstance(label, str) for label in labels):
            return listed
        found = {name for label in labels for name in self.split(label)}
        return sampled if found == set(sampled) else tuple(sorted(found, key=natural))

    def split(self, label: Label) -> tuple[str, ...]:
        """The labels in a cell; a repeated one counts once."""
        if not isinstance(label, str):
            return label or ()
        parts = label.split() if self.separator == " " else label.split(self.separator)
        return tuple(dict.fromkeys(name for part in parts if (name := part.strip())))

    def cells(self, labels: Sequence[Label], classes: tuple[str, ...], ids: Sequence[str]) -> list[str]:
        known, lists = set(classes), [None if label is None else self.split(label) for label in labels]
        unknown = [
            f"{name} of {row}" for row, names in zip(ids, lists, strict=True) for name in {*(names or ())} - known
        ]
        if unknown:
            raise UserError(f"{len(unknown):,} labels are not known ({some(unknown, 3)}).", "correct the labels")
        return ["" if names is None else json.dumps(names, ensure_ascii=False) for names in lists]

    def parse(self, cells: Sequence[str], classes: tuple[str, ...]) -> Array:
        number_of = {name: number for number, name in enumerate(classes)}
        labels = self.unlabelled(len(cells), classes)
        for row, cell in zip(labels, cells, strict=True):
            if cell:
                row[:] = 0
                row[[number_of[name] for name in json.loads(cell)]] = 1
        return labels

    def unlabelled(self, n: int, classes: tuple[str, ...]) -> Array:
        return np.full((n, len(classes)), UNLABELLED, np.int8)

    def is_labelled(self, labels: Array) -> Array:
        return labels[:, 0] != UNLABELLED

    def asked(self, classes: tuple[str, ...]) -> str:
        return f"{len(classes)} labels, any of them for an image"

    def words(self, label: Array, classes: tuple[str, ...]) -> str:
        return ", ".join(classes[number] for number in np.flatnonzero(label == 1)) or "none"

    def counted(self, labels: Array, classes: tuple[str, ...]) -> dict[str, Array]:
        return {name: labels[:, number] == 1 for number, name in enumerate(classes)}

    def strata(self, labels: Array) -> Array:
        return labels

    def one_of_each(self, labels: Array) -> Array:
        has_any = (labels == 1).any(axis=0)
        return np.unique((labels == 1).argmax(axis=0)[has_any])

    def closeness(self, labels: Array, predictions: Array) -> Array:
        return np.where(labels == 1, predictions, 1 - predictions).astype(np.float64).ravel()
