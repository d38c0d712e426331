"""A CSV of training rows, images found by a pattern of paths, and a sample submission that lists the test ids."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.data.readers.patterns import FIX, columns_of, fixed_part, paths_of
from harness.data.readers.reader import FolderReader, Listing, Row, natural
from harness.data.splits import TEST, TRAIN
from harness.utils.console import say
from harness.utils.errors import UserError, nearest, some

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Table(FolderReader):
    """Images whose labels are in a CSV. All cells are read as text: the id ``0042`` stays ``0042``.

    Ids are the organiser's. Where a training id is a test id too, all training ids get ``train/`` before them. Classes
    are in the order of the sample submission's columns if these are the classes, else in natural order. What the labels
    mean (one class, a list of labels, a number) is for the competition's ``targets`` to say.

    Args:
        csv: the CSV of the training rows.
        id: its column of ids.
        label: its column of labels; or several columns of 0 and 1, each a class or a label.
        path: the path of a row's image, such as ``train/{id}.jpg``; any column may stand in braces.
        sample: the CSV whose first column lists the test ids, in the order in which they are written.
        test_path: the same as ``path`` for test rows; only ``{id}`` may stand in braces.
        group: a column of values that no fold and no hold-out separates, such as patients.
        empty: whether an empty cell of ``label`` is a list without labels, not a mistake.
    """

    csv: str = "train.csv"
    id: str = "id"
    label: str | tuple[str, ...] = "label"
    path: str = "train/{id}.jpg"
    sample: str | None = "sample_submission.csv"
    test_path: str = "test/{id}.jpg"
    group: str | None = None
    empty: bool = False

    @property
    def looks_for(self) -> str:
        test = f" (and {self.sample} with {self.test_path})" if self.sample else ""
        return f"{self.csv} with {self.path}{test}"

    def matches(self, folder: Path) -> bool:
        return (folder / self.csv).is_file() and (folder / fixed_part(self.path)).is_dir()

    def listing(self, folder: Path) -> Listing:
        table, names = self._training_rows(folder), self._test_ids(folder)
        paths = paths_of(folder, folder / self.csv, self.path, table.to_dict("records"))
        labels, groups = self._labels(folder, table), list(table[self.group]) if self.group else [None] * len(table)
        prefix = f"{TRAIN}/" if set(names) & set(table["id"]) else ""
        rows = [
            Row(f"{prefix}{name}", label, TRAIN, path, group)
            for name, label, path, group in zip(table["id"], labels, paths, groups, strict=True)
        ]
        rows += self._test_rows(folder, names)
        sampled = self._sampled(folder)
        classes = self.label if isinstance(self.label, tuple) else tuple(sorted({*map(str, labels)}, key=natural))
        return Listing(rows, sampled if sorted(sampled) == sorted(classes) else classes, sampled)

    def _training_rows(self, folder: Path) -> pd.DataFrame:
        """The training rows, their ids in the column "id"; a row that is there twice counts once."""
        file, labels = folder / self.csv, [self.label] if isinstance(self.label, str) else [*self.label]
        table = read_csv(file)
        for column in (self.id, *labels, *([self.group] if self.group else []), *columns_of(self.path)):
            if column not in table and column != "id":
                raise UserError(f"{file} has no column {column!r}. {nearest(column, [*table])}", FIX)
        table["id"] = table[self.id]
        table = table.drop_duplicates(["id", *labels])
        twice = table["id"][table["id"].duplicated()].tolist()
        if twice:
            raise UserError(
                f"{file} gives {len(twice):,} ids more than one label ({some(twice, 3)}).", "keep one line of each"
            )
        for column in ("id", *labels, *([self.group] if self.group else [])):
            empty = int((table[column].str.strip() == "").sum())
            if empty and not (column == self.label and self.empty):
                or_list = ", or say empty=True in the reader if they are lists without labels" * (column == self.label)
                raise UserError(
                    f"{file} has {empty:,} rows without a value in {column!r}.", f"fill or remove them{or_list}"
                )
        return table

    def _labels(self, folder: Path, table: pd.DataFrame) -> list[str | tuple[str, ...]]:
        """The label of each training row: the text of its cell, or the names of the columns that hold a 1."""
        if isinstance(self.label, str):
            return table[self.label].tolist()
        import numpy as np
        import pandas as pd

        marks = table[[*self.label]].apply(pd.to_numeric, errors="coerce").to_numpy()
        wrong = table["id"][~np.isin(marks, (0, 1)).all(axis=1)].tolist()
        if wrong:
            raise UserError(
                f"{len(wrong):,} rows of {folder / self.csv} hold something else than 0 and 1 in "
                f"{', '.join(self.label)} ({some(wrong, 3)}).",
                FIX,
            )
        return [tuple(self.label[column] for column in np.flatnonzero(row)) for row in marks]

    def _sampled(self, folder: Path) -> tuple[str, ...]:
        """The columns of the sample submission after the first one."""
        if self.sample and (folder / self.sample).is_file():
            return tuple(read_csv(folder / self.sample, rows=1).columns[1:])
        return ()

    def _test_ids(self, folder: Path) -> list[str]:
        if self.sample is None or not (folder / self.sample).is_file():
            return []
        file = folder / self.sample
        names = read_csv(file).iloc[:, 0].tolist()
        if len(set(names)) < len(names):
            raise UserError(
                f"{file} lists {len(names) - len(set(names)):,} ids twice.", "get the organiser's file again"
            )
        return names

    def _test_rows(self, folder: Path, names: list[str]) -> list[Row]:
        if not names or not (folder / fixed_part(self.test_path)).is_dir():
            say(f"There are no test images in {folder} ({self.test_path}): only the hold-out can be predicted.")
            return []
        assert self.sample is not None
        paths = paths_of(folder, folder / self.sample, self.test_path, [{"id": name} for name in names])
        return [Row(name, None, TEST, path) for name, path in zip(names, paths, strict=True)]


def read_csv(file: Path, rows: int | None = None) -> pd.DataFrame:
    """A CSV, all cells as text.

    Raises:
        UserError: it is missing, or not a CSV of UTF-8 text with a header.
    """
    import pandas as pd

    try:
        return pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8-sig", nrows=rows)
    except FileNotFoundError:
        raise UserError(f"there is no {file}.", FIX) from None
    except (ValueError, pd.errors.ParserError) as error:
        raise UserError(f"{file} is not a CSV of UTF-8 text with a header: {error}", "get it again") from None
