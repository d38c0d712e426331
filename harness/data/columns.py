"""What a table knows of each image besides its label: columns of numbers and of categories, such as age and place."""

from __future__ import annotations

import functools
import hashlib
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.utils.errors import UserError, nearest, some

Array = np.ndarray

# How common programs write a number that is not known, in lower case.
NO_NUMBER = frozenset({"", "na", "n/a", "nan", "none", "null", "?"})


@dataclass(frozen=True, eq=False)
class Columns:
    """Columns with a cell an image, as text.

    Args:
        cells: (n,) cells by the column's name.
        numbers: the names of the columns that hold numbers; the others hold categories.
    """

    cells: dict[str, Array] = field(default_factory=dict)
    numbers: tuple[str, ...] = ()

    def of(self, rows: Array | slice) -> Columns:
        """The same columns of some images only."""
        return Columns({name: cells[rows] for name, cells in self.cells.items()}, self.numbers)

    def chosen(self, patterns: Iterable[str]) -> Columns:
        """The columns of these names; a ``*`` stands for any text.

        Raises:
            UserError: there is none of such a name.
        """
        names = matching(patterns, [*self.cells], "the table has no column {name} that numbers= or categories= name.")
        return Columns({name: self.cells[name] for name in names}, tuple(one for one in self.numbers if one in names))

    def of_numbers(self, name: str) -> Array:
        """A column as numbers: (n,) float64, NaN where a cell holds none.

        Raises:
            UserError: a cell holds something else.
        """
        return numbers_of(name, self.cells[name].tolist())

    @functools.cached_property
    def hashes(self) -> dict[str, str]:
        """A hash of each column: of its cells, and of their kind."""
        digests = {}
        for name, cells in self.cells.items():
            text = "\0".join([str(name in self.numbers), *cells.tolist()])
            digests[name] = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
        return digests


def numbers_of(name: str, cells: Sequence[str]) -> Array:
    """Cells as numbers: (n,) float64, NaN for one of ``NO_NUMBER``.

    Args:
        name: of the column, for messages.
        cells: the texts.

    Raises:
        UserError: a cell holds neither a finite number nor one of these words.
    """
    numbers = [_number(cell) for cell in cells]
    wrong = [repr(cell) for cell, number in zip(cells, numbers, strict=True) if number is None]
    if wrong:
        raise UserError(
            f"column {name!r} holds {len(wrong):,} cells that are not finite numbers: {some(wrong, 3)}.",
            "correct them, leave them empty, or name the column in categories= in the competition's competition.py",
        )
    return np.array(numbers, np.float64)


def matching(patterns: Iterable[str], names: Sequence[str], missing: str) -> list[str]:
    """The names that patterns stand for, in the order of ``names``; a ``*`` in a pattern stands for any text.

    Args:
        patterns: such as ``("age", "margin*")``.
        names: of columns.
        missing: the message for a pattern that fits none; ``{name}`` in it is replaced.

    Raises:
        UserError: a pattern fits none.
    """
    found: set[str] = set()
    for pattern in patterns:
        rule = re.compile(re.escape(pattern).replace(r"\*", ".*"), re.DOTALL)
        fitting = [name for name in names if name == pattern or rule.fullmatch(name)]
        if not fitting:
            told = missing.replace("{name}", repr(pattern))
            raise UserError(f"{told} {nearest(pattern, [*names])}", "correct the name")
        found.update(fitting)
    return [name for name in names if name in found]


def _number(cell: str) -> float | None:
    """A cell's number, NaN for none, None for something else."""
    if cell.strip().lower() in NO_NUMBER:
        return math.nan
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) and "_" not in cell else None
