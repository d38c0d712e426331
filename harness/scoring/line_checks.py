"""Examining the lines of a submission chunk by chunk: ids, classes, numbers, sums."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from itertools import repeat

import numpy as np

from harness.scoring.defects import Defect, Found, Severity, shown
from harness.scoring.submission_format import SubmissionFormat

Array = np.ndarray

# From this number of rows on, the same prediction for all of them is a mistake, not a coincidence.
MIN_ROWS_FOR_CONSTANT = 20
# How far the sum of a row of probabilities may be from 1; float32 and rounding stay far below this.
SUM_TOLERANCE = 1e-3
# Characters that start a formula in a spreadsheet (OWASP, CSV Injection).
FORMULA = frozenset("=+-@\t\r")
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
PLAIN = b"0123456789+-.eE"
# Of defects with which a file can still be scored.
SEVERITIES: dict[str, Severity] = {"long": "warning", "whole": "error"}
# How common programs write a missing or an infinite number, in lower case.
MISSING_VALUES = frozenset({"", "nan", "na", "n/a", "null", "none", "inf", "-inf", "+inf", "infinity", "-infinity"})


class LineChecks:
    """Examines the lines of a submission chunk by chunk.

    Args:
        form: the format.
        ids: of the rows that the file must have.
        classes: class names by number.
    """

    def __init__(self, form: SubmissionFormat, ids: tuple[str, ...], classes: tuple[str, ...]) -> None:
        self._form, self._ids, self._classes = form, ids, classes
        self._row_of = {name: row for row, name in enumerate(ids)}
        number_form = form.value == "number"
        self._number_of = {str(number) if number_form else name: number for number, name in enumerate(classes)}
        self._rows: list[Array] = []
        self._values: list[Array] = []
        self._extra: dict[str, None] = {}
        self._found: dict[str, Found] = {}
        self._first: Array | None = None
        self._constant = True

    def take(self, cells: list[str]) -> None:
        """Examine the cells of some lines, one line after the other."""
        if not cells:
            return
        width = 1 + (len(self._classes) if self._form.wide else 1)
        names = cells[::width]
        rows = np.fromiter(map(self._row_of.get, names, repeat(-1)), np.int64, len(names))
        self._rows.append(rows)
        self._extra |= dict.fromkeys(names[line] for line in np.flatnonzero(rows < 0))
        self.check_formulas(names)
        values = cells[:]
        del values[::width]  # the ids; many times as fast as picking the others one by one
        checks = {
            "probabilities": self._table,
            "columns": self._table,
            "probability": self._column,
            "quantity": self._quantities,
            "top": self._lists,
            "labels": self._lists,
        }
        self._values.append(checks.get(self._form.value, self._class_numbers)(values, names))

    def check_formulas(self, cells: Iterable[str]) -> None:
        """Note the cells that a spreadsheet would run."""
        formulas = [cell for cell in cells if cell[:1] in FORMULA]
        formulas = [cell for cell in formulas if not NUMBER.fullmatch(cell) and cell.lower() not in MISSING_VALUES]
        self._note("formula", len(formulas), map(shown, formulas))

    def _note(self, kind: str, count: int, examples: Iterable[str]) -> None:
        if count:
            self._found.setdefault(kind, Found()).add(count, examples)

    def _note_cells(self, kind: str, positions: list[int], values: list[str], names: list[str]) -> None:
        width = len(values) // len(names)
        texts = (f"{shown(values[at])} for {shown(names[at // width], quote=False)}" for at in positions)
        self._note(kind, len(positions), texts)

    def _class_numbers(self, values: list[str], names: list[str]) -> Array:
        """The number of the class in each line: (lines,) int."""
        numbers = np.fromiter(map(self._number_of.get, values, repeat(-1)), np.int64, len(values))
        bad_lines = np.flatnonzero(numbers < 0).tolist()
        empty_lines = [line for line in bad_lines if values[line].strip().lower() in MISSING_VALUES]
        self.check_formulas(values)
        self._note_cells("nan", empty_lines, values, names)
        self._note_cells("class", sorted({*bad_lines} - {*empty_lines}), values, names)
        self._compare(numbers[:, None])
        return numbers

    def _lists(self, values: list[str], names: list[str]) -> Array:
        """Probabilities that fall from the first class of a list to the last, 0 for all others: (lines, classes).

        What comes after the first ``form.top`` classes does not count, as on Kaggle. Of labels, which have no order and
        may be none, each named one has 1.
        """
        is_ranked = self._form.value == "top"
        top = self._form.top if is_ranked else len(self._classes)
        lists = [[self._number_of.get(name, -1) for name in self._form.split(value)] for value in values]
        unknown = [line for line, numbers in enumerate(lists) if -1 in numbers]
        repeated = {line for line, numbers in enumerate(lists) if len({*numbers}) < len(numbers)}
        self.check_formulas(values)
        empty = [line for line, numbers in enumerate(lists) if not numbers and is_ranked]
        self._note_cells("empty", empty, values, names)
        self._note_cells("unknown", unknown, values, names)
        self._note_cells("repeated", sorted(repeated - {*unknown}), values, names)
        self._note_cells("long", [line for line, numbers in enumerate(lists) if len(numbers) > top], values, names)
        probabilities = np.zeros((len(lists), len(self._classes)))
        places = 1 / np.arange(1, top + 1)
        for line, numbers in enumerate(lists):
            best = numbers[:top]
            if best:
                probabilities[line, best] = places[: len(best)] / places[: len(best)].sum() if is_ranked else 1
        self._compare(probabilities)
        return probabilities

    def _column(self, values: list[str], names: list[str]) -> Array:
        """Probabilities from those of one class; the other classes share the rest equally: (lines, classes)."""
        positive = self._numbers(values, names)
        self._compare(positive[:, None])
        count = len(self._classes)
        probabilities = np.repeat((1 - positive[:, None]) / max(1, count - 1), count, axis=1)
        probabilities[:, self._classes.index(str(self._form.positive))] = positive
        return probabilities

    def _table(self, values: list[str], names: list[str]) -> Array:
        """Probabilities from one column per class, which sum to one unless each is for itself: (lines, classes)."""
        width = len(self._classes)
        probabilities = self._numbers(values, names).reshape(len(names), width)
        if self._form.value == "columns":
            self._compare(probabilities)
            return probabilities
        sums = probabilities.sum(axis=1)
        # Where many rounded values add up to a wide tolerance, a row of zeros still says nothing.
        tolerance = SUM_TOLERANCE + width * 0.5 * 10.0**-self._form.decimals
        bad_lines = np.flatnonzero((np.abs(sums - 1) > tolerance) | (sums <= 0))
        self._note("sum", len(bad_lines), (f"{sums[line]:.6g} for {shown(names[line], False)}" for line in bad_lines))
        self._compare(probabilities)
        with np.errstate(divide="ignore", invalid="ignore"):
            return probabilities / sums[:, None]

    def _quantities(self, values: list[str], names: list[str]) -> Array:
        """Numbers: (lines, 1)."""
        numbers = self._numbers(values, names, low=-np.inf, high=np.inf)
        if self._form.decimals == 0:
            with np.errstate(invalid="ignore"):
                fractions = np.flatnonzero(np.isfinite(numbers) & (numbers != np.rint(numbers))).tolist()
            self._note_cells("whole", fractions, values, names)
        self._compare(numbers[:, None])
        return numbers[:, None]

    def _numbers(self, values: list[str], names: list[str], low: float = 0.0, high: float = 1.0) -> Array:
        """Values as numbers from ``low`` to ``high``: (values,) float64; NaN where a value is not a number."""
        # float() alone also accepts underscores, digits of other scripts and spaces; PLAIN has none of these.
        numbers = None
        if not "".join(values).encode(errors="replace").translate(None, PLAIN):
            with contextlib.suppress(ValueError):
                numbers = np.array([*map(float, values)], np.float64)
        if numbers is None:
            numbers = np.array([_number(value) for value in values], np.float64)
            self.check_formulas(values)
        bad = np.flatnonzero(~(np.isfinite(numbers) & (numbers >= low) & (numbers <= high))).tolist()
        outside = [position for position in bad if NUMBER.fullmatch(values[position])]
        empty = [position for position in bad if values[position].strip().lower() in MISSING_VALUES]
        for kind, positions in (("nan", empty), ("type", sorted({*bad} - {*outside, *empty})), ("range", outside)):
            self._note_cells(kind, positions, values, names)
        return numbers

    def _compare(self, values: Array) -> None:
        """Note whether all lines hold the same prediction: (lines, any number of columns)."""
        if self._first is None:
            self._first = values[0].copy()
        self._constant = self._constant and bool((values == self._first).all())

    def defects(self) -> list[Defect]:
        """The defects of all chunks."""
        rows = np.concatenate([np.empty(0, np.int64), *self._rows])
        kinds = {
            "nan": f"values are empty or NaN; expected {self._expected()}",
            "empty": "lists are empty",
            "class": f"values are not {self._expected()}",
            "unknown": "lists name something that is not a class",
            "repeated": "lists name a class twice",
            "type": f"values are not numbers; expected {self._expected()}",
            "range": "values are not between 0 and 1",
            "whole": "values are not whole numbers, which the board asks for (decimals=0)",
            "sum": "rows of probabilities do not sum to 1",
            "long": f"lists are longer than {self._form.top}",
        }
        other_names = {"empty": "nan", "unknown": "class"}
        defects = []
        if (formulas := self._found.get("formula")) is not None:
            # Only a warning: a cell that does not belong in the file also is a defect of another kind.
            message = f"{formulas.count:,} cells would run as formulas in a spreadsheet ({formulas.text()})"
            defects.append(Defect("formula", message, "warning"))
        defects += _id_defects(rows, self._ids, list(self._extra), self._form.ordered)
        for kind, problem in kinds.items():
            if (found := self._found.get(kind)) is not None:
                severity = SEVERITIES.get(kind, "fatal")
                message = f"{found.count:,} {problem} ({found.text()})"
                defects.append(Defect(other_names.get(kind, kind), message, severity))
        if len(rows) >= MIN_ROWS_FOR_CONSTANT and self._constant:
            message = f"all {len(rows):,} rows hold the same prediction, which does not depend on the image"
            defects.append(Defect("constant", message, "warning"))
        return defects

    def _expected(self) -> str:
        if self._form.value == "number":
            return f"class numbers from 0 to {len(self._classes) - 1}"
        if self._form.value == "quantity":
            return "finite numbers"
        return "names of classes" if self._form.value == "class" else "probabilities between 0 and 1"

    def probabilities(self) -> Array:
        """The predictions in the order of the ids: (ids, classes); only where no defect is fatal."""
        # As exact as the file: AUC tells values apart that are the same in float32.
        probabilities = np.zeros((len(self._ids), len(self._classes)))
        for rows, values in zip(self._rows, self._values, strict=True):
            if values.ndim == 1:
                probabilities[rows, values] = 1
            else:
                probabilities[rows] = values
        return probabilities


def _id_defects(rows: Array, ids: tuple[str, ...], extra: list[str], ordered: bool) -> list[Defect]:
    """The defects of the first column.

    Args:
        rows: for each line the number of its row in ``ids``; -1 if there is none.
        ids: the expected ids.
        extra: those that are not expected.
        ordered: whether the order matters.
    """
    defects = []
    known_rows = rows[rows >= 0]
    counts = np.bincount(known_rows, minlength=len(ids))
    for kind, problem, bad_ids in (
        ("missing", "ids are missing", [ids[row] for row in np.flatnonzero(counts == 0)]),
        ("extra", "ids are not expected", extra),
        ("duplicate", "ids occur more than once", [ids[row] for row in np.flatnonzero(counts > 1)]),
    ):
        if bad_ids:
            found = Found()
            found.add(len(bad_ids), (shown(name, quote=False) for name in bad_ids))
            defects.append(Defect(kind, f"{found.count:,} {problem} ({found.text()})"))
    if ordered and (backward := np.flatnonzero(np.diff(known_rows) < 0)).size:
        previous_id, next_id = ids[known_rows[backward[0]]], ids[known_rows[backward[0] + 1]]
        example = f"{shown(next_id, False)} comes after {shown(previous_id, False)}"
        message = f"the rows are not in the required order, at {len(backward):,} places ({example})"
        defects.append(Defect("order", message, "error"))
    return defects


def _number(value: str) -> float:
    return float(value) if NUMBER.fullmatch(value) else np.nan
