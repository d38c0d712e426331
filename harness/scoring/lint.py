"""What is wrong with a submission CSV: every defect at once, with counts and examples."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from harness.errors import UserError, some
from harness.predictions import TEST, Predictions

if TYPE_CHECKING:
    from harness.competition import Competition
    from harness.data.dataset import Dataset
    from harness.scoring.submission import SubmissionFormat

Array = np.ndarray

# Over so many rows, one answer for all of them is a mistake and not a coincidence.
TOO_MANY_ALIKE = 20
# How far from one a row of probabilities may sum; float32 and rounding stay far below it.
SUM_TOLERANCE = 1e-3
# What a spreadsheet takes for the beginning of a formula (OWASP, CSV Injection).
FORMULA = frozenset("=+-@\t\r")
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
PLAIN = frozenset("0123456789+-.eE")
# How the usual programs write that there is no number: NaN is what an empty cell of theirs becomes.
NOTHING = frozenset({"", "nan", "na", "n/a", "null", "none", "inf", "-inf", "+inf", "infinity", "-infinity"})


@dataclass(frozen=True)
class Defect:
    """One thing that is wrong with a file.

    Args:
        kind: a short name of it.
        text: what, how often, and examples.
        severity: with a "fatal" one the file cannot be read as predictions; with an "error" it can, and be scored
            here, but must not be sent; a "warning" is only told.
    """

    kind: str
    text: str
    severity: Literal["fatal", "error", "warning"] = "fatal"


def digest(file: Path) -> str:
    """The hash by which two files are the same one."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def lint(
    competition: Competition, dataset: Dataset, file: Path, sent: Mapping[str, str], split: str = TEST
) -> list[Defect]:
    """Everything that is wrong with a CSV for the rows of one split.

    Args:
        competition: how its CSV looks.
        dataset: which ids and classes there are.
        file: anybody's CSV.
        sent: for the hash of each file sent before, when that was and what became of it.
        split: whose rows the file is for.

    Raises:
        UserError: there is no such file.
    """
    ids = tuple(dataset.ids[row] for row in dataset.rows(split))
    defects, _ = examine(competition.submission, read(file), ids, dataset.classes)
    before = sent.get(digest(file))
    if before is not None:
        defects.append(Defect("sent", f"this very file was sent before: {before}", "error"))
    return defects


def read(file: Path) -> bytes:
    """A file's content.

    Raises:
        UserError: there is no such file.
    """
    try:
        return file.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        raise UserError(f"there is no file {file}.", "harness submit COMP writes one") from None


def examine(
    form: SubmissionFormat, content: bytes, ids: tuple[str, ...], classes: tuple[str, ...]
) -> tuple[list[Defect], Predictions | None]:
    """Examine a CSV's bytes as a submission for the rows ``ids``.

    Returns:
        The defects, and the predictions in the order of ``ids``: None where a defect is fatal.
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
    else:
        values = _classes(form, cells[1::2], names, classes, defects)
    if any(defect.severity == "fatal" for defect in defects):
        return defects, None
    probabilities = np.empty((len(ids), len(classes)), np.float32)
    probabilities[rows] = values
    return defects, Predictions(ids, classes, probabilities)


def _decode(content: bytes, defects: list[Defect]) -> str:
    """The text of a file; one in another encoding is read as well as can be, so that the rest is examined too."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        defects.append(Defect("encoding", "it is not UTF-8 text, but looks like UTF-16: save it as a plain CSV"))
        return content.decode("utf-16", errors="replace")
    if content.startswith(b"\xef\xbb\xbf"):
        told = "it begins with a byte order mark, which becomes part of the first column's name"
        defects.append(Defect("bom", told, "error"))
        content = content[3:]
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        told = f"it is not UTF-8 text ({error.reason} at byte {error.start:,}): save it as a plain CSV"
        defects.append(Defect("encoding", told))
        return content.decode("latin-1")


def _cells(text: str, form: SubmissionFormat, columns: list[str], defects: list[Defect]) -> list[str]:
    """The cells of all lines that have as many as there are columns, one line after the other."""
    # One flat list: a list a line would keep Python's garbage collector busy for longer than the rest takes.
    cells: list[str] = []
    others: list[str] = []
    ragged: list[int] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=form.separator)
    if form.header and (header := next(reader, [])) != columns:
        wanted, found = form.separator.join(columns), form.separator.join(header)
        defects.append(Defect("header", f"the first line must be {_short(wanted)}, and is {_short(found)}"))
        others += header
    for number, line in enumerate(reader, 1 + form.header):
        if len(line) == len(columns):
            cells += line
        else:
            ragged.append(number)
            others += line
    if ragged:
        count = "two" if len(columns) == 2 else str(len(columns))
        examples = some([*map(str, ragged)], 3)
        defects.append(Defect("columns", f"{len(ragged):,} lines have not {count} columns (line {examples})"))
    formulas = [cell for part in (others, cells) for cell in part if cell[:1] in FORMULA]
    formulas = [cell for cell in formulas if not NUMBER.fullmatch(cell) and cell.lower() not in NOTHING]
    if formulas:
        # Only a warning: one that has no right to be in the file is a defect of another kind besides.
        told = f"{len(formulas):,} cells would run as formulas in a spreadsheet ({_examples(formulas)})"
        defects.append(Defect("formula", told, "warning"))
    return cells


def _rows(names: list[str], ids: tuple[str, ...], ordered: bool, defects: list[Defect]) -> Array:
    """For each line the row of ``ids`` it is for: (lines,) int; -1 for none."""
    row_of = {name: row for row, name in enumerate(ids)}
    rows = np.fromiter(map(row_of.get, names, repeat(-1)), np.int64, len(names))
    known = rows[rows >= 0]
    counts = np.bincount(known, minlength=len(ids))
    extra = [names[line] for line in np.flatnonzero(rows < 0)]
    for kind, what, found in (
        ("missing", "ids are missing", [ids[row] for row in np.flatnonzero(counts == 0)]),
        ("extra", "ids are not asked for", list(dict.fromkeys(extra))),
        ("duplicate", "ids stand there twice", [ids[row] for row in np.flatnonzero(counts > 1)]),
    ):
        if found:
            defects.append(Defect(kind, f"{len(found):,} {what} ({_examples(found, quote=False)})"))
    if ordered and (backward := np.flatnonzero(np.diff(known) < 0)).size:
        one, other = ids[known[backward[0]]], ids[known[backward[0] + 1]]
        told = f"the rows are not in the order asked for, at {len(backward):,} places ({other} comes after {one})"
        defects.append(Defect("order", told, "error"))
    return rows


def _classes(
    form: SubmissionFormat, values: list[str], names: list[str], classes: tuple[str, ...], defects: list[Defect]
) -> Array:
    """Rows of probabilities, one for the class named: (lines, classes)."""
    allowed = {str(number) if form.value == "number" else name: number for number, name in enumerate(classes)}
    found = np.fromiter(map(allowed.get, values, repeat(-1)), np.int64, len(values))
    bad = np.flatnonzero(found < 0).tolist()
    empty = [line for line in bad if values[line].strip().lower() in NOTHING]
    others = sorted({*bad} - {*empty})
    wanted = f"class numbers from 0 to {len(classes) - 1}" if form.value == "number" else "names of classes"
    _tell("nan", f"values are empty or NaN, where {wanted} are wanted", empty, values, names, defects)
    _tell("class", f"values are not {wanted}", others, values, names, defects)
    _alike(found[:, None], defects)
    return np.eye(len(classes), dtype=np.float32)[found]


def _column(
    form: SubmissionFormat, values: list[str], names: list[str], classes: tuple[str, ...], defects: list[Defect]
) -> Array:
    """Rows of probabilities, from that of one class; the others share the rest: (lines, classes)."""
    form.check(classes)
    found = _numbers(values, names, defects)
    _alike(found[:, None], defects)
    probabilities = np.repeat((1 - found[:, None]) / max(1, len(classes) - 1), len(classes), axis=1)
    probabilities[:, classes.index(str(form.positive))] = found
    return probabilities


def _table(form: SubmissionFormat, cells: list[str], width: int, names: list[str], defects: list[Defect]) -> Array:
    """Rows of probabilities, one column a class: (lines, width)."""
    values = [cell for at, cell in enumerate(cells) if at % (width + 1)]
    found = _numbers(values, [name for name in names for _ in range(width)], defects).reshape(len(names), width)
    sums = found.sum(axis=1)
    off = np.flatnonzero(np.abs(sums - 1) > SUM_TOLERANCE + width * 0.5 * 10.0**-form.decimals)
    if off.size:
        examples = _examples([f"{sums[line]:.6g} for {names[line]}" for line in off[:4]], quote=False, count=len(off))
        defects.append(Defect("sum", f"{len(off):,} rows of probabilities do not sum to 1 ({examples})"))
    _alike(found, defects)
    with np.errstate(divide="ignore", invalid="ignore"):
        return found / sums[:, None]


def _numbers(values: list[str], names: list[str], defects: list[Defect]) -> Array:
    """Probabilities: (values,) float64; NaN where a value is none."""
    wanted = "where probabilities between 0 and 1 are wanted"
    try:
        # Python's own reading also takes underscores, other alphabets' digits and spaces; these letters leave none.
        found = np.array([*map(float, values)] if PLAIN.issuperset("".join(values)) else [_number(v) for v in values])
    except ValueError:
        found = np.array([_number(value) for value in values])
    wrong = np.flatnonzero(~((found >= 0) & (found <= 1))).tolist()
    outside = [line for line in wrong if NUMBER.fullmatch(values[line])]
    empty = [line for line in wrong if values[line].strip().lower() in NOTHING]
    others = sorted({*wrong} - {*outside} - {*empty})
    _tell("nan", f"values are empty, NaN or infinite, {wanted}", empty, values, names, defects)
    _tell("type", f"values are not numbers, {wanted}", others, values, names, defects)
    _tell("range", "values are not between 0 and 1", outside, values, names, defects)
    return found.astype(np.float64)


def _number(value: str) -> float:
    return float(value) if NUMBER.fullmatch(value) else np.nan


def _alike(values: Array, defects: list[Defect]) -> None:
    """Tell of a constant prediction: (lines, any number of columns)."""
    if len(values) >= TOO_MANY_ALIKE and (values == values[0]).all():
        told = f"all {len(values):,} rows hold the same prediction, so it says nothing about any image"
        defects.append(Defect("constant", told, "error"))


def _tell(kind: str, what: str, at: list[int], values: list[str], names: list[str], defects: list[Defect]) -> None:
    if at:
        examples = [f"{_short(values[line])} for {_short(names[line], quote=False)}" for line in at[:4]]
        defects.append(Defect(kind, f"{len(at):,} {what} ({_examples(examples, quote=False, count=len(at))})"))


def _examples(found: list[str], quote: bool = True, count: int | None = None) -> str:
    """The first three of many: ``'a, b, c and 12 more'``."""
    count = len(found) if count is None else count
    shown = ", ".join(_short(one, quote) for one in found[:3])
    return shown if count <= 3 else f"{shown} and {count - 3:,} more"


def _short(text: str, quote: bool = True) -> str:
    """Text from a stranger's file as a line can show it: neither endless nor with control characters."""
    cut = text if len(text) <= 80 else text[:79] + "…"
    return repr(cut) if quote or not cut.isprintable() else cut
