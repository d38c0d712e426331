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
from harness.scoring import lint


@dataclass(frozen=True, kw_only=True)
class SubmissionFormat:
    """How a competition's CSV looks.

    Args:
        id_column: the first column's name.
        value_column: the second column's name.
        value: "class" writes the most probable class's name, "number" its number,
            "probability" the probability of the class ``positive``, "probabilities" a column for each class.
        positive: for "probability", the class in question.
        separator: between the columns.
        header: whether the first line names the columns.
        decimals: of probabilities.
        ordered: whether the rows must come in the data set's order: the organiser does not look at the ids.
    """

    id_column: str = "id"
    value_column: str = "label"
    value: Literal["class", "number", "probability", "probabilities"] = "class"
    positive: str | None = None
    separator: str = ","
    header: bool = True
    decimals: int = 6
    ordered: bool = False

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

    def columns(self, classes: tuple[str, ...]) -> list[str]:
        """The columns' names."""
        return [self.id_column, *(classes if self.value == "probabilities" else [self.value_column])]

    def write(self, path: Path, predictions: Predictions) -> None:
        """Write predictions as a CSV, whole or not at all, after reading them back as a check.

        Raises:
            UserError: what would be written is not in the competition's format.
        """
        text = self.render(predictions)
        self.parse(text.encode(), predictions.ids, predictions.classes, str(path))
        write_text(path, text)

    def render(self, predictions: Predictions) -> str:
        """Predictions as the text of a CSV."""
        text = io.StringIO()
        table = csv.writer(text, delimiter=self.separator, lineterminator="\n")
        if self.header:
            table.writerow(self.columns(predictions.classes))
        table.writerows(
            [name, *values] for name, values in zip(predictions.ids, self._values(predictions), strict=True)
        )
        return text.getvalue()

    def read(self, path: Path, ids: tuple[str, ...], classes: tuple[str, ...]) -> Predictions:
        """Read anybody's CSV for the rows ``ids``, in any order, as predictions in the order of ``ids``.

        A class becomes a probability of one.

        Raises:
            UserError: every defect of the file, with counts and examples.
        """
        return self.parse(lint.read(path), ids, classes, str(path))

    def parse(self, content: bytes, ids: tuple[str, ...], classes: tuple[str, ...], name: str) -> Predictions:
        """The same, of a CSV's bytes; ``name`` is what messages call it."""
        defects, found = lint.examine(self, content, ids, classes)
        if found is None:
            raise UserError(
                f"{name} is not in the competition's format:\n" + "\n".join(f"  - {defect.text}" for defect in defects),
                "mend the file, or make one with: harness submit COMP",
            )
        return found

    def _values(self, predictions: Predictions) -> list[list[str]]:
        """The cells of each row after its id."""
        if self.value == "probability":
            number = self._column(predictions.classes)
            column = predictions.probabilities[:, number].astype(np.float64)
            rest = np.delete(predictions.probabilities, number, axis=1).sum(axis=1, dtype=np.float64)
            # Near 1 the rest is the more exact: in float32, 1 - 1e-10 is 1, and log loss minds the difference.
            column = np.where(column > 0.5, 1 - np.minimum(rest, 1), column)
            return [[f"{value:.{self.decimals}f}"] for value in column]
        if self.value == "probabilities":
            return [[f"{value:.{self.decimals}f}" for value in row] for row in predictions.probabilities]
        best = predictions.probabilities.argmax(axis=1)
        return [[str(number) if self.value == "number" else predictions.classes[number]] for number in best]

    def _column(self, classes: tuple[str, ...]) -> int:
        self.check(classes)
        return classes.index(str(self.positive))
