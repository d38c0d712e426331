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
            "probability" the probability of the class ``positive``, "probabilities" one column per class, which sum to
            one, "columns" one column per class or label, each for itself, "labels" the names of the predicted labels,
            "top" those of the ``top`` most probable classes, best first, "quantity" the predicted number.
        positive: for "probability", the class.
        top: for "top", how many classes a row lists at most.
        list_separator: for "labels" and "top", what stands between names; a blank for any number of blanks.
        separator: the separator of the columns.
        header: whether the first line holds the columns' names.
        decimals: the number of decimals of probabilities and numbers; with 0, numbers are whole, and the linter refuses
            others, and "columns" hold a 1 from a probability of 0.5 on.
        ordered: whether the rows must be in the data set's order, because the organiser ignores the ids.
    """

    id_column: str = "id"
    value_column: str = "label"
    value: Literal["class", "number", "probability", "probabilities", "columns", "labels", "top", "quantity"] = "class"
    positive: str | None = None
    top: int = 5
    list_separator: str = " "
    separator: str = ","
    header: bool = True
    decimals: int = 6
    ordered: bool = False

    def check(self, classes: tuple[str, ...]) -> None:
        """Raise an error if the format does not fit the classes.

        Raises:
            UserError: ``positive`` is not one of the classes, or a name in a list has the separator in it.
        """
        apart = [name for name in classes if self.value in ("top", "labels") and self.split(name) != [name]]
        if apart:
            what = "blanks" if self.list_separator == " " else repr(self.list_separator)
            raise UserError(
                f"the submission's value={self.value!r} separates names by {what}, and these have {what}: "
                f"{some(apart)}.",
                "set list_separator= in submission= in the competition's competition.py",
            )
        if self.value == "probability" and self.positive not in classes:
            raise UserError(
                f"the submission's positive={self.positive!r} is not one of the classes: {some(list(classes))}.",
                "edit submission= in the competition's competition.py",
            )

    @property
    def wide(self) -> bool:
        """Whether there is a column a class."""
        return self.value in ("probabilities", "columns")

    def split(self, cell: str) -> list[str]:
        """The names in the cell of a list."""
        parts = cell.split() if self.list_separator == " " else cell.split(self.list_separator)
        return [name for part in parts if (name := part.strip())]

    def columns(self, classes: tuple[str, ...]) -> list[str]:
        """The names of the columns."""
        return [self.id_column, *(classes if self.wide else [self.value_column])]
