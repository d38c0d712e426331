"""The format of a competition's submission CSV, as declared in its ``competition.py``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.utils.errors import UserError, some


@dataclass(frozen=True, kw_only=True)
class SubmissionFormat:
    """The format of a competition's submission CSV.

    Args:
        id_column: the first column's name.
        value_column: the second column's name.
        value: what a row holds: "class" the name of the most probable class, "number" its number,
            "probability" the probability of the class ``positive``, "probabilities" one column per class, "top"
            the names of the ``top`` most probable classes, best first, separated by blanks.
        positive: for "probability", the class.
        top: for "top", how many classes a row lists at most.
        separator: the separator of the columns.
        header: whether the first line holds the columns' names.
        decimals: the number of decimals of probabilities.
        ordered: whether the rows must be in the data set's order, because the organiser ignores the ids.
    """

    id_column: str = "id"
    value_column: str = "label"
    value: Literal["class", "number", "probability", "probabilities", "top"] = "class"
    positive: str | None = None
    top: int = 5
    separator: str = ","
    header: bool = True
    decimals: int = 6
    ordered: bool = False

    def check(self, classes: tuple[str, ...]) -> None:
        """Raise an error if the format does not fit the classes.

        Raises:
            UserError: ``positive`` is not one of the classes, or a name in a list of classes has a blank.
        """
        blank = [name for name in classes if self.value == "top" and len(name.split()) != 1]
        if blank:
            raise UserError(
                f"the submission's value='top' separates classes by blanks, and these have blanks: {some(blank)}.",
                "edit submission= in the competition's competition.py",
            )
        if self.value == "probability" and self.positive not in classes:
            raise UserError(
                f"the submission's positive={self.positive!r} is not one of the classes: {some(list(classes))}.",
                "edit submission= in the competition's competition.py",
            )

    def columns(self, classes: tuple[str, ...]) -> list[str]:
        """The names of the columns."""
        return [self.id_column, *(classes if self.value == "probabilities" else [self.value_column])]
