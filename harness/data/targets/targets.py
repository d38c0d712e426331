"""What is asked of each image: the interface of the kinds of targets.

Every part of the harness asks the kind in place of guessing from an array's shape. What depends on a library of a
higher layer (losses of networks, metrics, reports) is looked up there by the kind's ``name`` or ``link``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from harness.data.targets.links import LINKS, Link

Array = np.ndarray

# What a reader finds: the text of a cell, the names of the columns that hold a 1, or None where there is no label.
Label = str | tuple[str, ...] | None


@dataclass(frozen=True)
class Targets(ABC):
    """A kind of targets.

    Attributes:
        name: the kind's name in messages and tables.
        link: the name of its link: from scores to predictions.
        loss: the metric by which settings are chosen out of fold.
        values: the kinds of CSV that can hold its predictions: ``SubmissionFormat.value``.
        may_be_empty: whether an empty cell is a label, the empty list, and not a missing one.
    """

    name: ClassVar[str]
    link: ClassVar[str]
    loss: ClassVar[str] = "log_loss"
    values: ClassVar[tuple[str, ...]]
    may_be_empty: ClassVar[bool] = False

    @property
    def linked(self) -> Link:
        """The link itself."""
        return LINKS[self.link]

    # From a reader's labels to the kept table, and from there to arrays.

    @abstractmethod
    def classes_of(self, labels: Sequence[Label], listed: tuple[str, ...], sampled: tuple[str, ...]) -> tuple[str, ...]:
        """The names of the predictions' columns.

        Args:
            labels: what the reader found.
            listed: the classes as the reader lists them.
            sampled: the columns of the sample submission after the first one, if there is one.
        """

    @abstractmethod
    def cells(self, labels: Sequence[Label], classes: tuple[str, ...], ids: Sequence[str]) -> list[str]:
        """The labels as cells of the kept table; "" for no label.

        Args:
            labels: what the reader found.
            classes: from ``classes_of``.
            ids: of the rows, for messages.

        Raises:
            UserError: labels that are none of this kind.
        """

    @abstractmethod
    def parse(self, cells: Sequence[str], classes: tuple[str, ...]) -> Array:
        """The labels in cells of the kept table, as an array with a row an image."""

    @abstractmethod
    def unlabelled(self, n: int, classes: tuple[str, ...]) -> Array:
        """The labels of n images without one."""

    @abstractmethod
    def is_labelled(self, labels: Array) -> Array:
        """Which rows have a label: (n,) bool."""

    @abstractmethod
    def words(self, label: Array, classes: tuple[str, ...]) -> str:
        """One row's label for people."""

    def asked(self, classes: tuple[str, ...]) -> str:
        """What is asked of each image, for messages."""
        return f"{len(classes)} classes"

    @abstractmethod
    def counted(self, labels: Array, classes: tuple[str, ...]) -> dict[str, Array]:
        """What to count images of, by name, with a mask (n,) of its images: classes, labels, ranges of numbers."""

    # Splits.

    @abstractmethod
    def strata(self, labels: Array) -> Array:
        """What folds are stratified by: (n,) int, or (n, columns) of 0 and 1."""

    def missing(self, labels: Array, classes: tuple[str, ...]) -> list[str]:
        """The classes that cannot be learned, for none of the rows is of them."""
        return []

    def one_of_each(self, labels: Array) -> Array:
        """Row numbers among which each class occurs that occurs at all, the first of each."""
        return np.empty(0, np.int64)

    # Predictions.

    @abstractmethod
    def closeness(self, labels: Array, predictions: Array) -> Array:
        """How close predictions are to the truth, value by value, for correlations of members' mistakes: flat."""
