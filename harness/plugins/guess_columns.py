"""Columns of a table that are known of test images too: numbers and categories that a linear head can read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from harness.data.columns import numbers_of
from harness.utils.errors import UserError, some

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

# Numbers of fewer values are rather categories; names of more, or of fewer rows each, are rather ids or texts.
FEWEST_NUMBERS, MOST_CATEGORIES, ROWS_OF_CATEGORY = 10, 100, 5
# Columns of one name with a number after it are written with a star, from so many on.
STARRED = 3


class FurtherColumns(NamedTuple):
    """What was found: the CSV of the test's columns, or None; names of numbers and of categories; what is said."""

    test_csv: str | None
    numbers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    said: tuple[str, ...] = ()


def further_columns(
    rows: pd.DataFrame, used: set[str], id_column: str, tests: dict[Path, pd.DataFrame], wanted: Sequence[str]
) -> FurtherColumns:
    """Find columns that are known of both.

    Args:
        rows: of the training table, all cells text.
        used: its columns that are something else: ids, labels, groups.
        id_column: the one of ids.
        tests: the CSVs that could list test images, by file.
        wanted: the ids of the test.
    """
    fitting = {
        file: table for file, table in tests.items() if id_column in table and set(wanted) <= {*table[id_column]}
    }
    if len(fitting) != 1 or not wanted:
        return FurtherColumns(None)
    ((file, test),) = fitting.items()
    shared = [name for name in rows.columns if name in test and name not in used and not _is_id(name)]
    numbers = [name for name in shared if _are_numbers(name, rows[name], test[name])]
    categories = [name for name in shared if name not in numbers and _are_categories(rows[name], test[name])]
    if not numbers and not categories:
        return FurtherColumns(None)
    told = " and ".join(
        f"{kind} {some(names, 4)}" for kind, names in (("numbers", numbers), ("categories", categories)) if names
    )
    return FurtherColumns(
        file.name,
        _starred(numbers, [*rows.columns]),
        _starred(categories, [*rows.columns]),
        (f'columns: {told}, known of the test by {file.name}; a recipe reads them with columns=("*",)',),
    )


def _is_id(name: str) -> bool:
    return name.lower() == "id" or name.endswith(("_id", " id", "Id", "ID"))


def _are_numbers(name: str, train: pd.Series, test: pd.Series) -> bool:
    try:
        values = numbers_of(name, train.tolist())
        numbers_of(name, test.tolist())
    except UserError:
        return False
    return len(np.unique(values[~np.isnan(values)])) >= FEWEST_NUMBERS


def _are_categories(train: pd.Series, test: pd.Series) -> bool:
    """Few names, each of several rows, most of which the test has too."""
    count = train.nunique()
    is_repeated = 1 < count <= min(MOST_CATEGORIES, len(train) / ROWS_OF_CATEGORY)
    return bool(is_repeated and test.isin(set(train)).mean() >= 0.5)


def _starred(names: list[str], others: list[str]) -> tuple[str, ...]:
    """The names, those that differ by a number at their end as one with a star where it stands for no other column."""
    found: dict[str, None] = {}
    for name in names:
        stem = name.rstrip("0123456789")
        family = [one for one in others if one.startswith(stem)]
        is_whole = stem and len(family) >= STARRED and set(family) <= set(names)
        found[f"{stem}*" if is_whole and stem != name else name] = None
    return tuple(found)
