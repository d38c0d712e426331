"""A CSV of training rows, images found by a pattern of paths, and a sample submission that lists the test ids."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.data.columns import matching, numbers_of
from harness.data.readers.patterns import FIX, columns_of, fixed_part, paths_of
from harness.data.readers.reader import FolderReader, Joined, Listing, Row, natural
from harness.data.splits import TEST, TRAIN
from harness.utils.console import say
from harness.utils.errors import UserError, nearest, some

if TYPE_CHECKING:
    import pandas as pd

SEPARATORS = (",", ";", "\t")
MOST_HEADER = 2**20  # bytes: what is longer is no header


@dataclass(frozen=True, kw_only=True)
class Table(FolderReader):
    """Images whose labels are in a CSV. All cells are read as text: the id ``0042`` stays ``0042``.

    Columns may be separated by semicolons or tabs too, if the header has no comma.

    Ids are the organiser's. Where a training id is a test id too, all training ids get ``train/`` before them. Classes
    are in the order of the sample submission's columns if these are the classes, else in natural order. What the labels
    mean (one class, a list of labels, a number) is for the competition's ``targets`` to say.

    Args:
        csv: the CSV of the training rows.
        id: its column of ids.
        label: its column of labels; or several columns of 0 and 1, each a class or a label.
        path: the path of a row's image, such as ``train/{id}.jpg``; any column may stand in braces. Or the paths of
            the row's several images, such as ``("{id}_left.png", "{id}_right.png")``.
        sample: the CSV whose first column lists the test ids, in the order in which they are written.
        test_path: the same as ``path`` for test rows; only ``{id}`` and columns of ``test_csv`` may stand in braces.
        test_csv: a CSV that lists test images with the columns of ``csv`` that are known of them.
        row: a column, of both CSVs, of the ids of the CSV that is sent, where several lines are a row of it.
        joined: how predictions of images of one row become the row's: their mean or maximum.
        group: a column of values that no fold and no hold-out separates, such as patients.
        empty: whether an empty cell of ``label`` is a list without labels, not a mistake.
        numbers: columns of numbers that are known of training and test images, such as ``("age",)``, for recipes with
            ``columns=``; a ``*`` stands for any text, and an empty cell for an unknown number. Those of the test are in
            ``test_csv``.
        categories: the same for columns of names, such as ``("sex", "place")``.
    """

    csv: str = "train.csv"
    id: str = "id"
    label: str | tuple[str, ...] = "label"
    path: str | tuple[str, ...] = "train/{id}.jpg"
    sample: str | None = "sample_submission.csv"
    test_path: str | tuple[str, ...] = "test/{id}.jpg"
    test_csv: str | None = None
    row: str | None = None
    joined: Joined = "mean"
    group: str | None = None
    empty: bool = False
    numbers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    @property
    def looks_for(self) -> str:
        path, test_path = (", ".join(_each(paths)) for paths in (self.path, self.test_path))
        return f"{self.csv} with {path}" + (f" (and {self.sample} with {test_path})" if self.sample else "")

    def matches(self, folder: Path) -> bool:
        return (folder / self.csv).is_file() and (folder / fixed_part(_each(self.path)[0])).is_dir()

    def listing(self, folder: Path) -> Listing:
        table, names = self._training_rows(folder), self._test_ids(folder)
        labels, groups = self._labels(folder, table), list(table[self.group]) if self.group else [None] * len(table)
        numbers, categories = self._further(folder / self.csv, table)
        cells = _cells(table, (*numbers, *categories))
        row_ids = self._row_ids(folder / self.csv, table, labels)
        prefix = (
            f"{TRAIN}/"
            if set(names) & {name or image for name, image in zip(row_ids, table[self.id], strict=True)}
            else ""
        )
        lines = [
            Row(f"{prefix}{name}", label, TRAIN, "", group, row and f"{prefix}{row}", known)
            for name, label, group, row, known in zip(table[self.id], labels, groups, row_ids, cells, strict=True)
        ]
        in_paths = [self._in_paths(line) for line in table.to_dict("records")]
        rows = _with_images(lines, self.path, folder, folder / self.csv, in_paths)
        rows += self._test_rows(folder, names, (*numbers, *categories))
        for place, name in enumerate(numbers):  # read here, so that what is no number is refused at once
            numbers_of(name, [row.cells[place] for row in rows])
        sampled = self._sampled(folder)
        classes = self.label if isinstance(self.label, tuple) else tuple(sorted({*map(str, labels)}, key=natural))
        return Listing(
            rows, sampled if sorted(sampled) == sorted(classes) else classes, sampled, self.joined, numbers, categories
        )

    def _further(self, file: Path, table: pd.DataFrame) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The names of the columns that ``numbers`` and ``categories`` stand for.

        Raises:
            UserError: the CSV has none of such a name, or one is both.
        """
        labels = {self.label} if isinstance(self.label, str) else {*self.label}
        names = [name for name in table.columns if name not in {"id", self.id} | labels]
        missing = f"{file} has no column {{name}} that is neither ids nor labels."
        numbers = matching(self.numbers, names, missing)
        categories = matching(self.categories, names, missing)
        if both := [name for name in numbers if name in categories]:
            raise UserError(f"the reader calls columns both numbers and categories: {some(both)}.", FIX)
        return tuple(numbers), tuple(categories)

    def _training_rows(self, folder: Path) -> pd.DataFrame:
        """The training rows; one that is there twice counts once."""
        file, labels = folder / self.csv, [self.label] if isinstance(self.label, str) else [*self.label]
        table = read_csv(file)
        in_path = [column for column in columns_of("".join(_each(self.path))) if column != "id"]
        for column in (self.id, *labels, *self._marks, *in_path):
            if column not in table:
                raise UserError(f"{file} has no column {column!r}. {nearest(column, [*table])}", FIX)
        table = table.drop_duplicates([*dict.fromkeys([self.id, *labels, *self._marks, *in_path])])
        twice = table[self.id][table[self.id].duplicated()].tolist()
        if twice:
            of_labels = table.drop_duplicates([self.id, *labels])[self.id].duplicated().any()
            what = "label" if of_labels else "picture, group or row"
            raise UserError(
                f"{file} gives {len(twice):,} ids more than one {what} ({some(twice, 3)}).",
                "keep one line of each" if of_labels else f"name a column of ids that are unique in id=, or {FIX}",
            )
        for column in (self.id, *labels, *self._marks):
            empty = int((table[column].str.strip() == "").sum())
            if empty and not (column == self.label and self.empty):
                or_list = ", or say empty=True in the reader if they are lists without labels" * (column == self.label)
                raise UserError(
                    f"{file} has {empty:,} rows without a value in {column!r}.", f"fill or remove them{or_list}"
                )
        return table

    def _in_paths(self, line: dict[str, str]) -> dict[str, str]:
        """What may stand in the braces of a path: a line's cells, and its id as ``{id}``."""
        return line | {"id": line[self.id]}

    @property
    def _marks(self) -> list[str]:
        """The columns that say which lines belong together."""
        return [column for column in (self.group, self.row) if column]

    def _row_ids(self, file: Path, table: pd.DataFrame, labels: list[Any]) -> list[str | None]:
        """The id of each line's row of the CSV that is sent; None where each line is a row.

        Raises:
            UserError: lines of one row have unlike labels.
        """
        if self.row is None:
            return [None] * len(table)
        label_of: dict[str, Any] = {}
        for name, label in zip(table[self.row], labels, strict=True):
            label_of.setdefault(name, label)
        unlike = [name for name, label in zip(table[self.row], labels, strict=True) if label_of[name] != label]
        if unlike:
            raise UserError(
                f"{file}: {len(set(unlike)):,} values of {self.row!r} have lines of unlike labels "
                f"({some([*dict.fromkeys(unlike)], 3)}).",
                f"keep one label of each, or {FIX}",
            )
        return table[self.row].tolist()

    def _labels(self, folder: Path, table: pd.DataFrame) -> list[str | tuple[str, ...]]:
        """The label of each training row: the text of its cell, or the names of the columns that hold a 1."""
        if isinstance(self.label, str):
            return table[self.label].tolist()
        import numpy as np
        import pandas as pd

        marks = table[[*self.label]].apply(pd.to_numeric, errors="coerce").to_numpy()
        wrong = table[self.id][~np.isin(marks, (0, 1)).all(axis=1)].tolist()
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

    def _test_rows(self, folder: Path, names: list[str], further: tuple[str, ...] = ()) -> list[Row]:
        if not names or not (folder / fixed_part(_each(self.test_path)[0])).is_dir():
            test_path = ", ".join(_each(self.test_path))
            say(f"There are no test images in {folder} ({test_path}): only the hold-out can be predicted.")
            return []
        assert self.sample is not None
        lines = [(name, {"id": name}) for name in names]
        if self.test_csv is not None:
            lines = self._test_lines(folder / self.test_csv, names, further)
        elif further:
            raise UserError(
                f"the reader says that {some([*further])} are known of each image, and not where those of test images "
                "are.",
                'name their CSV in the reader, as in test_csv="test.csv", or leave numbers= and categories= out',
            )
        known = [*lines[0][1]]
        for column in columns_of("".join(_each(self.test_path))):
            if column not in known:
                where = self.test_csv or "the ids of test images, and the reader names no test_csv="
                raise UserError(f"test_path= asks for {column!r}, which {where} lacks. {nearest(column, known)}", FIX)
        rows = [
            Row(line["id"], None, TEST, "", None, name if self.row else None, tuple(line[part] for part in further))
            for name, line in lines
        ]
        return _with_images(rows, self.test_path, folder, folder / self.sample, [line for _, line in lines])

    def _test_lines(self, file: Path, names: list[str], further: tuple[str, ...]) -> list[tuple[str, dict[str, str]]]:
        """The lines of the CSV of test images, each with the id that the sample submission has, in its order."""
        table, column = read_csv(file), self.row or self.id
        for wanted in (self.id, column):
            if wanted not in table:
                raise UserError(f"{file} has no column {wanted!r}. {nearest(wanted, [*table])}", FIX)
        if unknown := [name for name in further if name not in table]:
            raise UserError(
                f"{file} has no column {some([*map(repr, unknown)])}; what is not known of test images cannot be used.",
                "leave it out of numbers= and categories= in the competition's competition.py",
            )
        lines_of: dict[str, list[dict[str, str]]] = {}
        for line in table.to_dict("records"):
            lines_of.setdefault(line[column], []).append(self._in_paths(line))
        missing = [name for name in names if name not in lines_of]
        if missing:
            raise UserError(
                f"{len(missing):,} ids of {self.sample} are not in column {column!r} of {file}: {some(missing, 3)}.",
                FIX,
            )
        return [(name, line) for name in names for line in lines_of[name]]


def _cells(table: pd.DataFrame, names: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The cells of some columns: a tuple a row."""
    return [*zip(*(table[name].tolist() for name in names), strict=True)] if names else [()] * len(table)


def _each(paths: str | tuple[str, ...]) -> tuple[str, ...]:
    # Of values of wrong types too: a check of types may ask for ``looks_for`` before it tells of them.
    return tuple(str(path) for path in paths) if isinstance(paths, tuple | list) else (str(paths),)


def _with_images(
    lines: list[Row], patterns: str | tuple[str, ...], folder: Path, file: Path, cells: list[dict[str, str]]
) -> list[Row]:
    """Rows with their images: one row for each image; the first image of a row of the CSV has that row's id."""
    paths = [paths_of(folder, file, pattern, cells) for pattern in _each(patterns)]
    several = len(paths) > 1 or any(line.row is not None for line in lines)
    images = [
        line._replace(source=path, row=(line.row or line.id) if several else None)
        for line, paths_of_line in zip(lines, zip(*paths, strict=True), strict=True)
        for path in paths_of_line
    ]
    counts: Counter[str] = Counter()
    for number, image in enumerate(images):
        if image.row is not None:
            counts[image.row] += 1
            nth = f" ({counts[image.row]})" if counts[image.row] > 1 else ""
            images[number] = image._replace(id=f"{image.row}{nth}")
    return images


def separator_of(file: Path) -> str:
    """What stands between the columns of a CSV: a comma, unless its header has none but semicolons or tabs.

    What is in quotes is a part of a name.
    """
    with file.open("rb") as stream:
        header = stream.readline(MOST_HEADER).decode("utf-8-sig", errors="replace")
    unquoted = re.sub('"[^"]*"', "", header)
    return next((mark for mark in SEPARATORS if mark in unquoted), SEPARATORS[0])


def read_csv(file: Path, rows: int | None = None) -> pd.DataFrame:
    """A CSV, all cells as text; its columns are separated as ``separator_of`` says.

    Raises:
        UserError: it is missing, or not a CSV of UTF-8 text with a header.
    """
    import pandas as pd

    try:
        return pd.read_csv(
            file, sep=separator_of(file), dtype=str, keep_default_na=False, encoding="utf-8-sig", nrows=rows
        )
    except FileNotFoundError:
        raise UserError(f"there is no {file}.", FIX) from None
    except (ValueError, pd.errors.ParserError) as error:
        raise UserError(f"{file} is not a CSV of UTF-8 text with a header: {error}", "get it again") from None
