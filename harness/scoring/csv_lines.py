"""Reading the lines of a CSV of any origin strictly, in chunks, whatever its size."""

from __future__ import annotations

import codecs
import csv
import io
from array import array
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

Row = TypeVar("Row")

CHUNK = 1 << 18  # cells
PIECE = 1 << 20  # bytes


class Encoding(NamedTuple):
    """How the bytes of a file become text.

    Args:
        name: of a codec that decodes every byte of the file.
        start: where the text begins: after a byte order mark.
        problem: why it is not plain UTF-8; None if it is.
    """

    name: str
    start: int = 0
    problem: str | None = None


def encoding_of(content: bytes) -> Encoding:
    """The encoding of a file. A wrong one is told, and the text can be read anyway, to find what else is wrong."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return Encoding("utf-16", 0, "it is not UTF-8 text, but looks like UTF-16: save it as a plain CSV")
    start = len(codecs.BOM_UTF8) if content.startswith(codecs.BOM_UTF8) else 0
    decoder = codecs.getincrementaldecoder("utf-8")()
    view = memoryview(content)
    try:
        for position in range(start, len(content), PIECE):
            decoder.decode(view[position : position + PIECE])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        try:
            content[start:].decode("utf-8")
        except UnicodeDecodeError as error:
            reason = f"{error.reason} at byte {error.start:,}"
            return Encoding("latin-1", start, f"it is not UTF-8 text ({reason}): save it as a plain CSV")
    return Encoding("utf-8", start)


class Lines:
    """The lines of a CSV, by chunks of those with the right number of cells; the others are remembered.

    Args:
        content: the file.
        encoding: of its text.
        separator: of its columns.
        width: how many columns each line must have.

    Attributes:
        bad_lines: numbers of lines that have another number of columns.
        other_cells: what is in them.
        blank_at_end: how many empty lines end the file.
    """

    def __init__(self, content: bytes, encoding: Encoding, separator: str, width: int) -> None:
        stream = io.BytesIO(content)
        stream.seek(encoding.start)
        text = io.TextIOWrapper(stream, encoding.name, errors="replace", newline="")
        # Strict: a quote that is never closed, or closed before its cell ends, is an error and not a guess.
        self._reader = csv.reader(text, delimiter=separator, strict=True)
        self._width = width
        self.bad_lines = array("Q")  # there may be millions
        self.other_cells: list[str] = []
        self.blank_at_end = 0

    def header(self) -> list[str]:
        """The first line."""
        return self._strictly(lambda: next(self._reader, []))

    def chunks(self, first: int) -> Iterator[list[str]]:
        """The cells of the following lines with the right number of them, one line after the other.

        Args:
            first: the number of the first of these lines.

        Raises:
            csv.Error: the quoting is broken, or a cell is enormous; the message names the line.
        """
        # Flat lists: one list per line would keep Python's garbage collector busy for longer than all else takes.
        cells: list[str] = []
        blank = 0  # lines since the last one that is not
        number = first - 1
        while (row := self._strictly(lambda: next(self._reader, None))) is not None:
            number += 1
            if not row:
                blank += 1
                continue
            self.bad_lines.extend(range(number - blank, number))
            blank = 0
            if len(row) == self._width:
                cells += row
                if len(cells) >= CHUNK:
                    yield cells
                    cells = []
            else:
                self.bad_lines.append(number)
                self.other_cells += row
        self.blank_at_end = blank
        yield cells

    def _strictly(self, read: Callable[[], Row]) -> Row:
        try:
            return read()
        except csv.Error as error:
            told = {"unexpected end of data": "a quote is opened and never closed"}.get(str(error), str(error))
            if "expected after" in told:
                told = "a quote is closed before its cell ends"
            raise csv.Error(f"line {self._reader.line_num:,}: {told}") from None
