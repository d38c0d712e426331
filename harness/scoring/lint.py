"""The defects of a submission CSV: all of them at once, with counts and examples."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.scoring.csv_lines import Lines, encoding_of
from harness.scoring.defects import Defect, shown
from harness.scoring.line_checks import LineChecks
from harness.scoring.predictions import Predictions
from harness.scoring.submission_format import SubmissionFormat
from harness.utils.errors import UserError


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
        UserError: the file does not exist, or is a folder.
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
    except FileNotFoundError:
        raise UserError(f"there is no file {file}.", "check the path; harness submit writes a CSV") from None
    except IsADirectoryError:
        raise UserError(f"{file} is a folder, not a CSV.", f"give one of its files: {file / 'NAME.csv'}") from None


def examine(
    form: SubmissionFormat, content: bytes, ids: tuple[str, ...], classes: tuple[str, ...]
) -> tuple[list[Defect], Predictions | None]:
    """Examine the bytes of a CSV as a submission for the rows ``ids``.

    Returns:
        The defects, and the predictions in the order of ``ids``; None if a defect is fatal.
    """
    if form.value in ("probability", "top", "labels"):
        form.check(classes)
    columns = form.columns(classes)
    encoding = encoding_of(content)
    defects = [Defect("encoding", encoding.problem)] if encoding.problem else []
    if encoding.name == "utf-8" and encoding.start:
        message = "it begins with a byte order mark, which becomes part of the first column's name"
        defects.append(Defect("bom", message, "error"))
    lines = Lines(content, encoding, form.separator, len(columns))
    checks = LineChecks(form, ids, classes)
    try:
        if form.header and (header := lines.header()) != columns:
            expected, received = form.separator.join(columns), form.separator.join(header)
            defects.append(Defect("header", f"the first line must be {shown(expected)}, and is {shown(received)}"))
            checks.check_formulas(header)
        for cells in lines.chunks(1 + form.header):
            checks.take(cells)
    except csv.Error as error:
        return [*defects, Defect("csv", f"it is not a CSV: {error}")], None
    defects += _line_defects(lines, len(columns))
    checks.check_formulas(lines.other_cells)
    defects += checks.defects()
    if any(defect.severity == "fatal" for defect in defects):
        return defects, None
    return defects, Predictions(ids, classes, checks.probabilities())


def first_cells(form: SubmissionFormat, content: bytes) -> Iterator[str]:
    """The first cell of each line, as far as the file can be read as a CSV."""
    encoding = encoding_of(content)
    stream = io.BytesIO(content)
    stream.seek(encoding.start)
    text = io.TextIOWrapper(stream, encoding.name, errors="replace", newline="")
    with contextlib.suppress(csv.Error):
        for row in csv.reader(text, delimiter=form.separator):
            yield row[0] if row else ""


def _line_defects(lines: Lines, width: int) -> list[Defect]:
    """The defects of lines with a wrong number of columns."""
    defects = []
    if lines.bad_lines:
        count = "two" if width == 2 else str(width)
        wrong = len(lines.bad_lines)
        examples = ", ".join(map(str, lines.bad_lines[:3])) + (f" and {wrong - 3:,} more" if wrong > 3 else "")
        message = f"{wrong:,} lines do not have {count} columns (line {examples})"
        defects.append(Defect("columns", message))
    if lines.blank_at_end:
        defects.append(Defect("blank", f"{lines.blank_at_end:,} empty lines end the file", "warning"))
    return defects
