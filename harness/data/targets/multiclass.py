"""One class an image, and ordered classes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from harness.data.readers.reader import natural
from harness.data.targets.targets import Label, Targets
from harness.utils.errors import UserError, some

Array = np.ndarray

UNLABELLED = -1
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)")


@dataclass(frozen=True)
class Multiclass(Targets):
    """One class an image. Labels are class numbers: (n,) int32, -1 for images without one."""

    name: ClassVar[str] = "multiclass"
    link: ClassVar[str] = "softmax"
    values: ClassVar[tuple[str, ...]] = ("class", "number", "probability", "probabilities", "columns", "top")

    def classes_of(self, labels: Sequence[Label], listed: tuple[str, ...], sampled: tuple[str, ...]) -> tuple[str, ...]:
        return listed

    def cells(self, labels: Sequence[Label], classes: tuple[str, ...], ids: Sequence[str]) -> list[str]:
        several = [name for name, label in zip(ids, labels, strict=True) if isinstance(label, tuple) and len(label) - 1]
        if several:
            raise UserError(
                f"{len(several):,} rows do not have exactly one 1 in {some([*classes])} ({some(several, 3)}).",
                "for several labels an image, add targets=Multilabel() to the competition's competition.py",
            )
        return [(label[0] if isinstance(label, tuple) else label) or "" for label in labels]

    def parse(self, cells: Sequence[str], classes: tuple[str, ...]) -> Array:
        number_of = {name: number for number, name in enumerate(classes)} | {"": UNLABELLED}
        return np.array([number_of[cell] for cell in cells], dtype=np.int32)

    def unlabelled(self, n: int, classes: tuple[str, ...]) -> Array:
        return np.full(n, UNLABELLED, np.int32)

    def is_labelled(self, labels: Array) -> Array:
        return labels != UNLABELLED

    def words(self, label: Array, classes: tuple[str, ...]) -> str:
        return classes[int(label)]

    def counted(self, labels: Array, classes: tuple[str, ...]) -> dict[str, Array]:
        return {name: labels == number for number, name in enumerate(classes)}

    def strata(self, labels: Array) -> Array:
        return labels

    def missing(self, labels: Array, classes: tuple[str, ...]) -> list[str]:
        return [classes[number] for number in sorted(set(range(len(classes))) - set(labels.tolist()))]

    def one_of_each(self, labels: Array) -> Array:
        return np.unique(labels, return_index=True)[1]

    def closeness(self, labels: Array, predictions: Array) -> Array:
        return predictions[np.arange(len(labels)), labels].astype(np.float64)


@dataclass(frozen=True)
class Ordinal(Multiclass):
    """Ordered classes, such as grades. Predictions are the probabilities of each, as for one class an image.

    Args:
        order: the classes from the lowest to the highest; none: ascending, numbers by their value.
    """

    order: tuple[str, ...] = ()
    name: ClassVar[str] = "ordinal"

    def classes_of(self, labels: Sequence[Label], listed: tuple[str, ...], sampled: tuple[str, ...]) -> tuple[str, ...]:
        found = set(listed)
        if self.order and (unknown := sorted(found - set(self.order))):
            raise UserError(
                f"labels are not in order={self.order}: {some(unknown, 3)}.",
                "correct targets= in the competition's competition.py",
            )
        # A grade without images keeps its place, and the data is refused when it is read: without that grade, the
        # distances of the others would change in silence.
        return self.order or _evenly_spaced(_ascending(found))


def _ascending(names: set[str]) -> tuple[str, ...]:
    if all(NUMBER.fullmatch(name) for name in names):
        return tuple(sorted(names, key=lambda name: (float(name), name)))
    return tuple(sorted(names, key=natural))


def _evenly_spaced(grades: tuple[str, ...]) -> tuple[str, ...]:
    """The same; metrics of grades count places, which are as far apart as the numbers only where no number is left out.

    Raises:
        UserError: some are farther apart than others.
    """
    if len(grades) > 2 and all(NUMBER.fullmatch(name) for name in grades):
        steps = np.diff([float(name) for name in grades])
        if not np.allclose(steps, steps[0]):
            raise UserError(
                f"the grades {some([*grades], 5)} are not evenly spaced: metrics would count their places, 0, 1, 2, ….",
                "add the images of grades that are missing; if there are none, say so in competition.py: "
                f"targets=Ordinal(order={grades})",
            )
    return grades


# What most competitions ask, and the default everywhere.
MULTICLASS = Multiclass()
