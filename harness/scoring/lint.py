"""The defects of a submission CSV: all of them at once, with counts and examples."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Literal

import numpy as np

from harness.scoring.predictions import Predictions
from harness.scoring.submission_format import SubmissionFormat
from harness.utils.errors import UserError, some

Array = np.ndarray

# From this number of rows on, the same prediction for all of them is a mistake, not a coincidence.
MIN_ROWS_FOR_CONSTANT = 20
# How far the sum of a row of probabilities may be from 1; float32 and rounding stay far below this.
SUM_TOLERANCE = 1e-3
# Characters that start a formula in a spreadsheet (OWASP, CSV Injection).
FORMULA = frozenset("=+-@\t\r")
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
PLAIN = frozenset("0123456789+-.eE")
# How common programs write a missing or an infinite number, in lower case.
MISSING_VALUES = frozenset({"", "nan", "na", "n/a", "null", "none", "inf", "-inf", "+inf", "infinity", "-infinity"})


@dataclass(frozen=True)
class Defect:
    """A defect of a file.

    Args:
        kind: its short name.
        text: a description with its count and examples.
        severity: a file with a "fatal" defect cannot be read as predictions; one with an "error" can be read and scored
            here, but must not be sent; a "warning" is only reported.
    """

    kind: str
    text: str
    severity: Literal["fatal", "error", "warning"] = "fatal"


def digest(file: Path) -> str:
    """A hash of a file's content, which identifies files sent before."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def lint(
    form: SubmissionFormat, file: Path, ids: tuple[str, ...], classes: tuple[str, ...], sent: Mapping[str, str]
) -> list[Defect]:
    """All defects of a CSV for the rows ``ids``.

    Args:
        form: the format of the competition's CSV.
        file: a CSV of any origin.
        ids: the ids of the rows that the file must have.
        classes: class names by number.
        sent: for the hash of each file sent before, when it was sent and with which result.

    Raises:
        UserError: the file does not exist.
    """
    defects, _ = examine(form, read(file), ids, classes)
    earlier = sent.get(digest(file))
    if earlier is not None:
        defects.append(Defect("sent", f"this very file was sent before: {earlier}", "error"))
    return defects


def read(file: Path) -> bytes:
    """The content of a file.

    Raises:
        UserError: the file does not exist.
    """
    try:
        return file.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        raise UserError(f"there is no file {file}.", "harness submit COMP writes one") from None


def examine(
    form: SubmissionFormat, content: bytes, ids: tuple[str, ...], classes: tuple[str, ...]
) -> tuple[list[Defect], Predictions | None]:
    """Examine the bytes of a CSV as a submission for the rows ``ids``.

    Returns:
        The defects, and the predictions in the order of ``ids``; None if a defect is fatal.
    """
    defects: list[Defect] = []
    columns = form.columns(classes)
    try:
        cells = _cells(_decode(content, defects), form, columns, defects)
    except csv.Error as error:
        return [*defects, Defect("csv", f"it is not a CSV: {error}")], None
    names = cells[:: len(columns)]
    rows = _rows(names, ids, form.ordered, defects)
    if form.value == "probabilities":
        values = _table(form, cells, len(classes), names, defects)
    elif form.value == "probability":
        values = _column(form, cells[1::2], names, classes, defects)
    elif form.value == "top":
        values = _lists(form, cells[1::2], names, classes, defects)
    else:
        values = _classes(form, cells[1::2], names, classes, defects)
    if any(defect.severity == "fatal" for defect in defects):
        return defects, None
    # As exact as the file: AUC tells values apart that are the same in float32.
    probabilities = np.empty((len(ids), len(classes)))
    probabilities[rows] = values
    return defects, Predictions(ids, classes, probabilities)


def _decode(content: bytes, defects: list[Defect]) -> str:
    """The text of a file. A wrong encoding is a defect, but the text is decoded anyway, to find other defects too."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        defects.append(Defect("encoding", "it is not UTF-8 text, but looks like UTF-16: save it as a plain CSV"))
        return content.decode("utf-16", errors="replace")
    if content.startswith(b"\xef\xbb\xbf"):
        message = "it begins with a byte order mark, which becomes part of the first column's name"
        defects.append(Defect("bom", message, "error"))
        content = content[3:]
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"it is not UTF-8 text ({error.reason} at byte {error.start:,}): save it as a plain CSV"
        defects.append(Defect("encoding", message))
        return content.decode("latin-1")


def _cells(text: str, form: SubmissionFormat, columns: list[str], defects: list[Defect]) -> list[str]:
    """The cells of all lines with the right number of columns, one line after the other."""
    # One flat list: one list per line would keep Python's garbage collector busy for longer than all else takes.
    cells: list[str] = []
    other_cells: list[str] = []
    bad_lines: list[int] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=form.separator)
    if form.header and (header := next(reader, [])) != columns:
        expected, received = form.separator.join(columns), form.separator.join(header)
        defects.append(Defect("header", f"the first line must be {_shown(expected)}, and is {_shown(received)}"))
        other_cells += header
    for line_number, row in enumerate(reader, 1 + form.header):
        if len(row) == len(columns):
            cells += row
        else:
            bad_lines.append(line_number)
            other_cells += row
    if bad_lines:
        count = "two" if len(columns) == 2 else str(len(columns))
        examples = some([*map(str, bad_lines)], 3)
        defects.append(Defect("columns", f"{len(bad_lines):,} lines do not have {count} columns (line {examples})"))
    formulas = [cell for group in (other_cells, cells) for cell in group if cell[:1] in FORMULA]
    formulas = [cell for cell in formulas if not NUMBER.fullmatch(cell) and cell.lower() not in MISSING_VALUES]
    if formulas:
        # Only a warning: a cell that does not belong in the file also is a defect of another kind.
        message = f"{len(formulas):,} cells would run as formulas in a spreadsheet ({_examples(formulas)})"
        defects.append(Defect("formula", message, "warning"))
    return cells


def _rows(names: list[str], ids: tuple[str, ...], ordered: bool, defects: list[Defect]) -> Array:
    """For each line the number of its row in ``ids``: (lines,) int; -1 if there is none."""
    row_of = {name: row for row, name in enumerate(ids)}
    rows = np.fromiter(map(row_of.get, names, repeat(-1)), np.int64, len(names))
    known_rows = rows[rows >= 0]
    counts = np.bincount(known_rows, minlength=len(ids))
    extra = [names[line] for line in np.flatnonzero(rows < 0)]
    for kind, problem, bad_ids in (
        ("missing", "ids are missing", [ids[row] for row in np.flatnonzero(counts == 0)]),
        ("extra", "ids are not expected", list(dict.fromkeys(extra))),
        ("duplicate", "ids occur more than once", [ids[row] for row in np.flatnonzero(counts > 1)]),
    ):
        if bad_ids:
            defects.append(Defect(kind, f"{len(bad_ids):,} {problem} ({_examples(bad_ids, quote=False)})"))
    if ordered and (backward := np.flatnonzero(np.diff(known_rows) < 0)).size:
        previous_id, next_id = ids[known_rows[backward[0]]], ids[known_rows[backward[0] + 1]]
        example = f"{next_id} comes after {previous_id}"
        message = f"the rows are not in the required order, at {len(backward):,} places ({example})"
        defects.append(Defect("order", message, "error"))
    return rows


def _classes(
    form: SubmissionFormat, values: list[str], names: list[str], classes: tuple[str, ...], defects: list[Defect]
) -> Array:
    """Probabilities: 1 for the class in the line, 0 for all others: (lines, classes)."""
    number_of = {str(number) if form.value == "number" else name: number for number, name in enumerate(classes)}
    class_numbers = np.fromiter(map(number_of.get, values, repeat(-1)), np.int64, len(values))
    bad_lines = np.flatnonzero(class_numbers < 0).tolist()
    empty_lines = [line for line in bad_lines if values[line].strip().lower() in MISSING_VALUES]
    other_lines = sorted({*bad_lines} - {*empty_lines})
    expected = f"class numbers from 0 to {len(classes) - 1}" if form.value == "number" else "names of classes"
    _add_defect("nan", f"values are empty or NaN; expected {expected}", empty_lines, values, names, defects)
    _add_defect("class", f"values are not {expected}", other_lines, values, names, defects)
    _check_constant(class_numbers[:, None], defects)
    return np.eye(len(classes), dtype=np.float32)[class_numbers]


def _lists(
    form: SubmissionFormat, values: list[str], names: list[str], classes: tuple[str, ...], defects: list[Defect]
) -> Array:
    """Probabilities that fall from the first class of a list to the last, 0 for all others: (lines, classes).

    What comes after the first ``form.top`` classes does not count, as on Kaggle.
    """
    form.check(classes)
    number_of = {name: number for number, name in enumerate(classes)}
    lists = [[number_of.get(name, -1) for name in value.split()] for value in values]
    empty = [line for line, numbers in enumerate(lists) if not numbers]
    unknown = [line for line, numbers in enumerate(lists) if -1 in numbers]
    repeated = [line for line, numbers in enumerate(lists) if len({*numbers}) < len(numbers)]
    long = [line for line, numbers in enumerate(lists) if len(numbers) > form.top]
    _add_defect("nan", "lists are empty", empty, values, names, defects)
    _add_defect("class", "lists name something that is not a class", unknown, values, names, defects)
    _add_defect("repeated", "lists name a class twice", sorted({*repeated} - {*unknown}), values, names, defects)
    _add_defect("long", f"lists are longer than {form.top}", long, values, names, defects, "warning")
    probabilities = np.zeros((len(lists), len(classes)))
    places = 1 / np.arange(1, form.top + 1)
    for line, numbers in enumerate(lists):
        best = numbers[: form.top]
        probabilities[line, best] = places[: len(best)] / places[: len(best)].sum() if best else 0
    _check_constant(probabilities, defects)
    return probabilities


def _column(
    form: SubmissionFormat, values: list[str], names: list[str], classes: tuple[str, ...], defects: list[Defect]
) -> Array:
    """Probabilities from those of one class; the other classes share the rest equally: (lines, classes)."""
    form.check(classes)
    positive = _numbers(values, names, defects)
    _check_constant(positive[:, None], defects)
    probabilities = np.repeat((1 - positive[:, None]) / max(1, len(classes) - 1), len(classes), axis=1)
    probabilities[:, classes.index(str(form.positive))] = positive
    return probabilities


def _table(form: SubmissionFormat, cells: list[str], width: int, names: list[str], defects: list[Defect]) -> Array:
    """Probabilities from one column per class: (lines, width)."""
    values = [cell for position, cell in enumerate(cells) if position % (width + 1)]
    probabilities = _numbers(values, [name for name in names for _ in range(width)], defects).reshape(len(names), width)
    sums = probabilities.sum(axis=1)
    bad_lines = np.flatnonzero(np.abs(sums - 1) > SUM_TOLERANCE + width * 0.5 * 10.0**-form.decimals)
    if bad_lines.size:
        shown = [f"{sums[line]:.6g} for {names[line]}" for line in bad_lines[:4]]
        examples = _examples(shown, quote=False, count=len(bad_lines))
        defects.append(Defect("sum", f"{len(bad_lines):,} rows of probabilities do not sum to 1 ({examples})"))
    _check_constant(probabilities, defects)
    with np.errstate(divide="ignore", invalid="ignore"):
        return probabilities / sums[:, None]


def _numbers(values: list[str], names: list[str], defects: list[Defect]) -> Array:
    """Values as numbers: (values,) float64; NaN where a value is not a number."""
    expected = "expected probabilities between 0 and 1"
    try:
        # float() alone also accepts underscores, digits of other scripts and spaces; PLAIN has none of these.
        numbers = np.array([*map(float, values)] if PLAIN.issuperset("".join(values)) else [_number(v) for v in values])
    except ValueError:
        numbers = np.array([_number(value) for value in values])
    bad = np.flatnonzero(~((numbers >= 0) & (numbers <= 1))).tolist()
    outside = [position for position in bad if NUMBER.fullmatch(values[position])]
    empty = [position for position in bad if values[position].strip().lower() in MISSING_VALUES]
    others = sorted({*bad} - {*outside} - {*empty})
    _add_defect("nan", f"values are empty, NaN or infinite; {expected}", empty, values, names, defects)
    _add_defect("type", f"values are not numbers; {expected}", others, values, names, defects)
    _add_defect("range", "values are not between 0 and 1", outside, values, names, defects)
    return numbers.astype(np.float64)


def _number(value: str) -> float:
    return float(value) if NUMBER.fullmatch(value) else np.nan


def _check_constant(values: Array, defects: list[Defect]) -> None:
    """Add a defect if all predictions are the same: (lines, any number of columns)."""
    if len(values) >= MIN_ROWS_FOR_CONSTANT and (values == values[0]).all():
        message = f"all {len(values):,} rows hold the same prediction, which does not depend on the image"
        defects.append(Defect("constant", message, "error"))


def _add_defect(
    kind: str,
    problem: str,
    positions: list[int],
    values: list[str],
    names: list[str],
    defects: list[Defect],
    severity: Literal["fatal", "error", "warning"] = "fatal",
) -> None:
    if positions:
        shown = [f"{_shown(values[at])} for {_shown(names[at], quote=False)}" for at in positions[:4]]
        examples = _examples(shown, quote=False, count=len(positions))
        defects.append(Defect(kind, f"{len(positions):,} {problem} ({examples})", severity))


def _examples(items: list[str], quote: bool = True, count: int | None = None) -> str:
    """The first three items, as text: ``'a, b, c and 12 more'``."""
    count = len(items) if count is None else count
    shown = ", ".join(_shown(item, quote) for item in items[:3])
    return shown if count <= 3 else f"{shown} and {count - 3:,} more"


def _shown(text: str, quote: bool = True) -> str:
    """Text from an untrusted file as it can be shown in a message: short and without control characters."""
    shortened = text if len(text) <= 80 else text[:79] + "…"
    return repr(shortened) if quote or not shortened.isprintable() else shortened
