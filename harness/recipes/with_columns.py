"""Linear heads that read columns of the table beside the features of the images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.data.cache.rows import Rows
from harness.data.columns import Columns
from harness.data.fold import Fold
from harness.models import column_encoder
from harness.models.column_encoder import ColumnEncoder
from harness.recipes.recipe import Array, FoldRecipe
from harness.utils.errors import UserError
from harness.utils.files import read_json, write_json

if TYPE_CHECKING:
    from harness.data.dataset import Dataset

NAME = "columns.json"


@dataclass(frozen=True, kw_only=True)
class WithColumns(FoldRecipe):
    """A recipe whose linear head can read columns of the table too.

    Args:
        columns: the names of columns that the competition's reader declares as numbers= or categories=, which join the
            features; a * stands for any text.
    """

    columns: tuple[str, ...] = ()

    @property
    def key_steps(self) -> tuple[str, ...]:
        return (*super().key_steps, *(["columns"] if self.columns else []))

    def reads(self, dataset: Dataset) -> dict[str, Any]:
        if not self.columns:
            return super().reads(dataset)
        return super().reads(dataset) | {"columns": self._chosen(dataset.columns).hashes}

    def fit_columns(self, fold: Fold) -> None:
        """Fit the encoder of the columns to the fold's training rows, and keep it in the fold's folder."""
        if self.columns:
            encoder = column_encoder.fit(self._chosen(fold.columns).of(fold.train))
            write_json(fold.folder / NAME, encoder.as_json())

    def with_columns(self, fold: Fold) -> Callable[[Rows], Rows]:
        """What puts the fold's encoded columns beside the features of the same rows.

        Raises:
            OSError: the fold's encoder is missing or damaged.
            UserError: the fold's images come without the columns.
        """
        if not self.columns:
            return lambda features: features
        encoder = kept_encoder(fold.folder)
        return lambda features: Widened(features, fold.columns or Columns(), encoder)

    def _chosen(self, columns: Columns | None) -> Columns:
        if columns is None:
            raise UserError(
                f"{type(self).__name__}: columns={self.columns} names columns of the table, and the competition's "
                "reader declares none.",
                "name them in numbers= or categories= of Table(…) in the competition's competition.py",
            )
        return columns.chosen(self.columns)


def kept_encoder(folder: Path) -> ColumnEncoder:
    """The encoder that was fitted for a fold.

    Raises:
        OSError, KeyError: it is missing or damaged.
    """
    about = read_json(folder / NAME)
    if about is None:
        raise OSError(f"{folder / NAME} is missing or damaged")
    return ColumnEncoder.of_json(about)


class Widened:
    """Rows of features with encoded columns beside them, put together where they are read.

    Args:
        features: (n, d) numbers.
        columns: of the same n images.
        encoder: makes features of the columns.
    """

    def __init__(self, features: Rows, columns: Columns, encoder: ColumnEncoder) -> None:
        self.features, self.columns, self.encoder = features, columns, encoder
        self.shape = (features.shape[0], features.shape[1] + encoder.width)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Array | slice | int) -> Array:
        if isinstance(rows, int):
            return self[rows : rows + 1][0]
        beside = self.encoder.encode(self.columns.of(rows))
        return np.concatenate([np.asarray(self.features[rows], np.float32), beside], axis=1)
