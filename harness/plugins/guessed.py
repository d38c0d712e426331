"""What a guess of a layout is made of: what the user says, what was found, and what has to be asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from harness.data.readers.reader import Reader
from harness.data.targets import MULTICLASS, Targets
from harness.plugins.sample import Sample
from harness.utils.errors import UserError


@dataclass(frozen=True)
class Choices:
    """What the user says about files that do not say it.

    Args:
        metric, label, path, group, holdout: names as in ``competition.py``; None to guess.
        targets: the kind's name: multiclass, ordinal, multilabel or regression; None to guess.
        called: what Kaggle calls the metric, where that is how it is known, or where it is none that is known here.
    """

    metric: str | None = None
    label: str | None = None
    path: str | None = None
    group: str | None = None
    holdout: str | None = None
    targets: str | None = None
    called: str | None = None


class AmbiguousError(UserError):
    """What a user can say and the files do not.

    Args:
        what, fix: as for any error.
        choice: the field of ``Choices`` that settles it.
        options: its values to choose from.
    """

    def __init__(self, what: str, fix: str, choice: str, options: list[str]) -> None:
        super().__init__(what, fix)
        self.choice = choice
        self.options = options


def only_holdout(folder: Path, labelled: list[str]) -> str | None:
    """The part of a folder that is the hold-out, of those beside the training images that have labels; None without.

    Raises:
        AmbiguousError: there are several.
    """
    if len(labelled) > 1:
        raise AmbiguousError(
            f"{' and '.join(labelled)} in {folder} both have labels, and one of them is the hold-out.",
            f"say which: --holdout {labelled[-1]}",
            "holdout",
            labelled,
        )
    return labelled[0] if labelled else None


@dataclass(frozen=True)
class Guess:
    """A layout.

    Args:
        reader: reads it.
        folder: where it was found.
        said: what was taken for what.
        targets: the kind of the labels.
        sample: the sample submission; None where there is none that could be used.
        decimals: the most decimals of a number in the sample submission, 0 where the labels are whole numbers too; None
            where that is not known.
        list_separator: what stands between names in a list of the CSV; a blank for any number of blanks.
    """

    reader: Reader
    folder: Path
    said: list[str] = field(default_factory=list)
    targets: Targets = MULTICLASS
    sample: Sample | None = None
    decimals: int | None = None
    list_separator: str = " "

    @property
    def id_column(self) -> str:
        return self.sample.id_column if self.sample else "id"

    @property
    def value_columns(self) -> tuple[str, ...]:
        """The columns of the CSV after the ids."""
        return (self.sample.value_columns if self.sample else ()) or ("label",)

    @property
    def separator(self) -> str:
        """What stands between the columns of the CSV."""
        return self.sample.separator if self.sample else ","
