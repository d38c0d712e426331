"""Finished runs as their folders tell of them."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.runs.fold_folders import folder_of
from harness.scoring import predictions as tables
from harness.scoring.predictions import Predictions
from harness.utils.errors import UserError, nearest
from harness.utils.files import read_json


@dataclass(frozen=True)
class Record:
    """A finished run.

    Args:
        folder: ``runs/<competition>/<recipe>/<key>``.
        about: what its ``run.json`` holds.
        scores: by split, what its ``metrics.json`` holds.
    """

    folder: Path
    about: dict[str, Any]
    scores: dict[str, dict[str, Any]]

    @property
    def recipe(self) -> str:
        return self.folder.parent.name

    @property
    def key(self) -> str:
        return self.folder.name

    @property
    def runs(self) -> Path:
        """The folder of all runs of its competition."""
        return self.folder.parent.parent

    @property
    def competition(self) -> str:
        """The name of the competition that it is a run of."""
        return self.runs.name

    @property
    def name(self) -> str:
        """What messages call it, and commands take: ``recipe/key``, with the first characters of the key."""
        return f"{self.recipe}/{self.key[:8]}"

    @property
    def stem(self) -> str:
        """What the names of its CSVs and of other files made of it begin with: ``recipe-key``."""
        return f"{self.recipe}-{self.key[:8]}"

    @property
    def settings(self) -> dict[str, Any]:
        return self.about["settings"]

    @property
    def finished(self) -> str:
        """Day and time, UTC."""
        return self.about["finished"]

    @property
    def sequence(self) -> int:
        """Its number among the competition's finished runs: of two runs, the later has the higher one.

        0 for runs of before they were numbered.
        """
        return self.about.get("sequence", 0)

    @property
    def classes(self) -> int:
        """How many there are; 0 where the run has no confusion matrix, or it was removed."""
        for matrix in self.folder.glob("confusion-*.csv"):
            with matrix.open(newline="", encoding="utf-8") as file:
                return len(next(csv.reader(file), [""])) - 1
        return 0

    @property
    def fold_folders(self) -> list[Path]:
        """The folders of its folds; their names are those of the folds."""
        return [folder_of(self.folder, number) for number in range(len(self.about["seconds_by_fold"]))]

    def predictions(self) -> dict[str, Predictions] | None:
        """Its predictions by split; None where they are missing or damaged."""
        return tables.read(self.folder / "predictions.h5", self.key)

    def members(self) -> list[Record] | None:
        """The fitted runs an ensemble is made of, itself for any other; None where that is not known any more."""
        if "of" not in self.settings:
            return [self]
        members: list[Record] = []
        if "members" not in self.about:
            return None
        for name, key in self.about["members"].items():
            member = read(self.runs / name / key)
            of_member = member.members() if member else None
            if of_member is None:
                return None
            members += of_member
        return members


def read(folder: Path, smoke: bool = False) -> Record | None:
    """A run's record; None where it is unfinished, another's, or of smoke unless that is asked for."""
    about, metrics = read_json(folder / "run.json", sealed=False), read_json(folder / "metrics.json")
    if about is None or metrics is None or bool(about.get("smoke")) > smoke or about.get("made_from") != folder.name:
        return None
    if metrics.get("run", folder.name) != folder.name:
        return None
    return Record(folder, about, metrics["splits"])


def records(runs: Path) -> list[Record]:
    """A competition's finished runs, by recipe, the oldest first."""
    finished = [record for file in runs.glob("*/*/run.json") if (record := read(file.parent))]
    return sorted(finished, key=lambda record: (record.recipe, record.sequence))


def find(runs: Path, wanted: str) -> Record:
    """A finished run by what a user calls it.

    Args:
        runs: the competition's folder of runs.
        wanted: a recipe, of which the latest run is meant; the first characters of a run's key; or both, as in
            ``minivggnet/a8fb`` and in a CSV's name, ``minivggnet-a8fb0ff4``.

    Raises:
        UserError: there is no such run, or there are several.
    """
    finished = records(runs)
    of_recipe = [record for record in finished if record.recipe == wanted]
    if of_recipe:
        return of_recipe[-1]
    recipe, _, key = (wanted if "/" in wanted else wanted.replace("-", "/", 1)).rpartition("/")
    found = [r for r in finished if key and r.key.startswith(key) and recipe in ("", r.recipe)]
    if len(found) == 1:
        return found[0]
    names = sorted({record.name for record in found or finished})
    if found:
        raise UserError(f"{len(found)} runs are called {wanted!r}: {', '.join(names)}.", "give more of the key")
    recipes = sorted({record.recipe for record in finished})
    raise UserError(
        f"{runs.name} has no finished run {wanted!r}. "
        + (nearest(wanted, recipes + names) if finished else "There are none."),
        (f"see those that there are: harness runs {runs.name}; or " if finished else "")
        + f"train one of its recipes: harness train {runs.name} RECIPE",
    )
