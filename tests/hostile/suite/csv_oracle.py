"""What is right and wrong in a submission, written from the documented format alone: it shares no code with the linter.

It reads a file character by character, as RFC 4180 has it. Where the format leaves a choice (a byte order mark, blanks
around a number), it has no opinion, and whatever the linter says is right.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from harness.scoring.submission_format import SubmissionFormat

NUMBER = re.compile(r"\+?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
GOOD, BAD, EITHER = "good", "bad", "either"


class BrokenError(Exception):
    """The text is no CSV."""


@dataclass
class Verdict:
    """Whether a file is a submission, why not, and what it says: by id, a class, a number or numbers."""

    verdict: str = GOOD
    why: list[str] = field(default_factory=list)
    values: dict[str, list[float] | str] = field(default_factory=dict)

    def bad(self, why: str) -> None:
        self.verdict = BAD
        self.why.append(why)

    def open(self, why: str) -> None:
        if self.verdict == GOOD:
            self.verdict = EITHER
        self.why.append(why)


def judge(form: SubmissionFormat, content: bytes, ids: tuple[str, ...], classes: tuple[str, ...]) -> Verdict:
    """What there is to say of a file as a submission for some rows.

    Args:
        form: the format.
        content: the file's bytes.
        ids: the rows it must be of.
        classes: the names of the classes.
    """
    found = Verdict()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        found.bad("not UTF-8")
        return found
    if text.startswith("\ufeff"):
        text = text[1:]
        found.open("a byte order mark")
    try:
        rows = _rows(text, form.separator, found)
    except BrokenError as error:
        found.bad(str(error))
        return found
    columns = form.columns(classes)
    if form.header:
        if not rows or rows[0] != columns:
            found.bad(f"the header {rows[:1]}")
        rows = rows[1:]
    _check_rows(form, rows, len(columns), ids, classes, found)
    return found


def _rows(text: str, separator: str, found: Verdict) -> list[list[str]]:
    """The cells of each line that is not blank."""
    rows: list[list[str]] = []
    row: list[str] = []
    blank: int | None = None  # before which row the first blank line is
    at = 0
    while at < len(text):
        if not row and text[at] in "\r\n":
            blank = len(rows) if blank is None else blank
            at = _after_break(text, at, found)
            continue
        if text[at] == '"':
            cell, at = _quoted(text, at + 1)
        else:
            cell, at = _bare(text, at, separator, found)
        row.append(cell)
        if at == len(text):
            break
        if text[at] == separator:
            at += 1
            if at == len(text) or text[at] in "\r\n":
                row.append("")  # a separator at the end of a line opens an empty cell
                if at == len(text):
                    break
            else:
                continue
        elif text[at] not in "\r\n":
            raise BrokenError(f"{text[at]!r} after a closing quote")
        at = _after_break(text, at, found)
        rows.append(row)
        row = []
    if row:
        rows.append(row)
    if blank is not None and blank < len(rows):
        found.open("a blank line between others")
    return rows


def _after_break(text: str, at: int, found: Verdict) -> int:
    if text[at] == "\r" and text[at + 1 : at + 2] != "\n":
        found.open("a carriage return alone")
    return at + (2 if text[at : at + 2] == "\r\n" else 1)


def _quoted(text: str, at: int) -> tuple[str, int]:
    cell = ""
    while True:
        end = text.find('"', at)
        if end < 0:
            raise BrokenError("a quote is not closed")
        cell += text[at:end]
        if text[end + 1 : end + 2] != '"':
            return cell, end + 1
        cell += '"'
        at = end + 2


def _bare(text: str, at: int, separator: str, found: Verdict) -> tuple[str, int]:
    start = at
    while at < len(text) and text[at] not in "\r\n" and text[at] != separator:
        if text[at] == '"':
            found.open("a quote within a cell")
        at += 1
    return text[start:at], at


def _check_rows(
    form: SubmissionFormat,
    rows: list[list[str]],
    width: int,
    ids: tuple[str, ...],
    classes: tuple[str, ...],
    found: Verdict,
) -> None:
    seen: list[str] = []
    for row in rows:
        if len(row) != width:
            found.bad(f"{len(row)} cells")
            continue
        name, *cells = row
        if name not in ids:
            found.bad(f"the id {name!r}")
        elif name in found.values:
            found.bad(f"the id {name!r} again")
        seen.append(name)
        found.values[name] = _value(form, cells, classes, found)
    if missing := [name for name in ids if name not in found.values]:
        found.bad(f"without {missing}")
    elif form.ordered and seen != list(ids):
        found.bad("in another order")


def _value(form: SubmissionFormat, cells: list[str], classes: tuple[str, ...], found: Verdict) -> list[float] | str:
    if form.value in ("probability", "probabilities", "columns"):
        numbers = [_number(cell, found) for cell in cells]
        if form.value == "probabilities" and all(map(math.isfinite, numbers)):
            if sum(numbers) == 0:
                found.bad("a row of zeros")
            elif abs(sum(numbers) - 1) > len(numbers) * 0.5 * 10.0**-form.decimals + 1e-9:
                found.open("a sum that is not one")
        return numbers
    (cell,) = cells
    if form.value == "number":
        if re.fullmatch(r"\d+", cell, re.ASCII) and str(int(cell)) == cell:
            if int(cell) >= len(classes):
                found.bad(f"the number {cell}")
                return ""
            return classes[int(cell)]
        _odd_number(cell, found)
        return ""
    if form.value in ("top", "labels"):
        return _list(form, cell, classes, found)
    if form.value == "quantity":
        return [_quantity(cell, found)]
    if cell not in classes:
        found.bad(f"the class {cell!r}")
    return cell


def _list(form: SubmissionFormat, cell: str, classes: tuple[str, ...], found: Verdict) -> str:
    """Names, separated by any number of blanks."""
    names = [name for name in cell.split(" ") if name]
    if not set(names) <= set(classes):
        if set(cell.split()) <= set(classes):
            found.open("names separated by other white space")
        else:
            found.bad(f"the list {cell!r}")
    elif len(set(names)) < len(names):
        found.open("a class twice in a list")
    elif form.value == "top" and len(names) > form.top:
        found.open("more names than count")
    elif not names:
        if form.value == "top":
            found.bad("an empty list")
        else:
            found.open("no label")
    return " ".join(names)


def _quantity(cell: str, found: Verdict) -> float:
    if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", cell, re.ASCII) and math.isfinite(float(cell)):
        return float(cell)
    try:
        value = float(cell)
    except ValueError:
        found.bad(f"no number: {cell!r}")
        return math.nan
    if math.isfinite(value):
        found.open(f"a number in odd clothes: {cell!r}")
    else:
        found.bad(f"the number {cell!r}")
    return value


def _number(cell: str, found: Verdict) -> float:
    """A probability."""
    if not NUMBER.fullmatch(cell):
        _odd_number(cell, found)
        return math.nan
    value = float(cell)
    if value > 1.001:
        found.bad(f"the probability {cell}")
    elif value > 1:
        found.open("hardly more than one")
    return value


def _odd_number(cell: str, found: Verdict) -> None:
    """What is no plain number from 0 to 1, though some program may read it as one."""
    try:
        value = float(cell)
    except ValueError:
        found.bad(f"no number: {cell!r}")
        return
    if 0 <= value <= 1 or abs(value) < 1e-3 or (value.is_integer() and value > 0):
        found.open(f"a number in odd clothes: {cell!r}")
    else:
        found.bad(f"the number {cell!r}")
