"""Submission CSVs: how a competition's looks, writing one by id, reading one back and refusing a bad one."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from harness.errors import UserError, some
from harness.files import write_text
from harness.predictions import Predictions

Array = np.ndarray


@dataclass(frozen=True, kw_only=True)
class SubmissionFormat:
    """How a competition's CSV looks.

    Args:
        id_column: the first column's name.
        value_column: the second column's name.
        value: "class" writes the most probable class's name, "number" its number,
            "probability" the probability of the class ``positive``.
        positive: for "probability", the class in question.
        separator: between the columns.
        header: whether the first line names the columns.
        decimals: for "probability".
    """

    id_column: str = "id"
    value_column: str = "label"
    value: Literal["class", "number", "probability"] = "class"
    positive: str | None = None
    separator: str = ","
    header: bool = True
    decimals: int = 6

    def check(self, classes: tuple[str, ...]) -> None:
        """Refuse a format that does not fit the classes.

        Raises:
            UserError: ``positive`` is none of them.
        """
        if self.value == "probability" and self.positive not in classes:
            raise UserError(
                f"the submission's positive={self.positive!r} is none of the classes: {some(list(classes))}.",
                "edit submission= in the competition's competition.py",
            )

    def write(self, path: Path, predictions: Predictions) -> None:
        """Write predictions as a CSV, whole or not at all, after reading them back as a check.

        Raises:
            UserError: what would be written is not in the competition's format.
        """
        text = self.render(predictions)
        self.parse(text, predictions.ids, predictions.classes, str(path))
        write_text(path, text)

    def render(self, predictions: Predictions) -> str:
        """Predictions as the text of a CSV."""
        text = io.StringIO()
        table = csv.writer(text, delimiter=self.separator, lineterminator="\n")
        if self.header:
            table.writerow([self.id_column, self.value_column])
        table.writerows(zip(predictions.ids, self._values(predictions), strict=True))
        return text.getvalue()

    def read(self, path: Path, ids: tuple[str, ...], classes: tuple[str, ...]) -> Predictions:
        """Read anybody's CSV for the rows ``ids``, in any order, as predictions in the order of ``ids``.

        A class becomes a probability of one.

        Raises:
            UserError: every defect of the file, with counts and examples.
        """
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                return self.parse(file.read(), ids, classes, str(path))
        except (FileNotFoundError, IsADirectoryError):
            raise UserError(f"there is no file {path}.", "harness submit COMP writes one") from None
        except UnicodeDecodeError as error:
            raise UserError(
                f"{path} is not UTF-8 text ({error.reason} at byte {error.start:,}).", "save it as a plain CSV"
            ) from None

    def parse(self, text: str, ids: tuple[str, ...], classes: tuple[str, ...], name: str) -> Predictions:
        """The same, of a CSV's text; ``name`` is what messages call it."""
        try:
            lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=self.separator))
        except csv.Error as error:
            raise UserError(f"{name} is not a CSV: {error}.", "save it as a plain CSV") from None
        defects: list[str] = []
        if self.header:
            header, lines = (lines[0] if lines else []), lines[1:]
            if header != [self.id_column, self.value_column]:
                defects.append(
                    f"the first line must be {self.separator.join([self.id_column, self.value_column])!r}, "
                    f"and is {self.separator.join(header)!r}"
                )
        ragged = [number for number, line in enumerate(lines, 1 + self.header) if len(line) != 2]
        if ragged:
            defects.append(f"{len(ragged):,} lines have not two columns (line {some(list(map(str, ragged)), 3)})")
        values: dict[str, str] = {}
        twice: list[str] = []
        for line in lines:
            if len(line) == 2:
                if line[0] in values:
                    twice.append(line[0])
                values[line[0]] = line[1]
        wanted = set(ids)
        for what, found in (
            ("ids are missing", [i for i in ids if i not in values]),
            ("ids are not asked for", [i for i in values if i not in wanted]),
            ("ids stand there twice", twice),
        ):
            if found:
                defects.append(f"{len(found):,} {what} ({some(found, 3)})")
        probabilities = np.zeros((len(ids), len(classes)), np.float32)
        bad: list[str] = []
        for row, wanted_id in enumerate(ids):
            if wanted_id in values and not self._put(probabilities[row], values[wanted_id], classes):
                bad.append(f"{values[wanted_id]!r} for {wanted_id}")
        if bad:
            defects.append(f"{len(bad):,} values are not {self._allowed(classes)} ({some(bad, 3)})")
        if defects:
            raise UserError(
                f"{name} is not in the competition's format:\n" + "\n".join(f"  - {defect}" for defect in defects),
                "mend the file, or make one with: harness submit COMP",
            )
        return Predictions(ids, classes, probabilities)

    def _values(self, predictions: Predictions) -> list[str]:
        if self.value == "probability":
            number = self._column(predictions.classes)
            column = predictions.probabilities[:, number].astype(np.float64)
            rest = np.delete(predictions.probabilities, number, axis=1).sum(axis=1, dtype=np.float64)
            # Near 1 the rest is the more exact: in float32, 1 - 1e-10 is 1, and log loss minds the difference.
            column = np.where(column > 0.5, 1 - np.minimum(rest, 1), column)
            return [f"{value:.{self.decimals}f}" for value in column]
        best = predictions.probabilities.argmax(axis=1)
        return [str(number) if self.value == "number" else predictions.classes[number] for number in best]

    def _put(self, row: Array, value: str, classes: tuple[str, ...]) -> bool:
        """Turn one value of a CSV into a row of probabilities; False where it is none."""
        if self.value == "probability":
            try:
                probability = float(value)
            except ValueError:
                return False
            if not 0 <= probability <= 1:
                return False
            positive = self._column(classes)
            row[:] = (1 - probability) / max(1, len(classes) - 1)
            row[positive] = probability
            return True
        if self.value == "number":
            if not value.isdecimal() or int(value) >= len(classes):
                return False
            row[int(value)] = 1
            return True
        if value not in classes:
            return False
        row[classes.index(value)] = 1
        return True

    def _column(self, classes: tuple[str, ...]) -> int:
        self.check(classes)
        return classes.index(str(self.positive))

    def _allowed(self, classes: tuple[str, ...]) -> str:
        if self.value == "probability":
            return "probabilities between 0 and 1"
        if self.value == "number":
            return f"class numbers from 0 to {len(classes) - 1}"
        return "names of classes"
