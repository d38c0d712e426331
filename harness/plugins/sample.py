"""The sample submission beside the organiser's files: the ids of the test, and the columns of the CSV that is sent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from harness.data.readers.table import read_csv, separator_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Sample:
    """A sample submission; its first column holds the ids.

    Args:
        file: the CSV.
    """

    file: Path

    @property
    def name(self) -> str:
        return self.file.name

    @cached_property
    def rows(self) -> pd.DataFrame:
        """Its rows, all cells text."""
        return read_csv(self.file)

    @cached_property
    def separator(self) -> str:
        """What stands between its columns."""
        return separator_of(self.file)

    @property
    def id_column(self) -> str:
        return self.rows.columns[0]

    @property
    def value_columns(self) -> tuple[str, ...]:
        """Its columns after the ids."""
        return tuple(self.rows.columns[1:])

    @property
    def ids(self) -> list[str]:
        return self.rows.iloc[:, 0].tolist()


def samples_in(folder: Path) -> list[Path]:
    """The CSVs of a folder that are called a sample."""
    return sorted(path for path in folder.glob("*.csv") if "sample" in path.name.lower() and path.is_file())


def only_sample(folder: Path) -> Sample | None:
    """The sample submission of a folder; None where there is none, or several could be it."""
    files = samples_in(folder)
    return Sample(files[0]) if len(files) == 1 else None
