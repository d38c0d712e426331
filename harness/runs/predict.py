"""Predicting new images with a finished run: with its own geometry, views and members, and without training."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from harness.data.cache.build import open_or_build
from harness.data.cache.cache import Cache, Input
from harness.data.dataset import Dataset
from harness.data.fold import Fold
from harness.ensembles import kept
from harness.ensembles.members import join
from harness.recipes.recipe import FoldRecipe, Recipe
from harness.recipes.settings import restored
from harness.recipes.soup import Soup
from harness.recipes.trained import Trained
from harness.runs.fold_jobs import title_of
from harness.runs.records import Record, read
from harness.scoring import predictions as tables
from harness.scoring.predictions import Predictions
from harness.tta.worth import chosen_variant
from harness.utils.console import doing, say
from harness.utils.errors import UserError, some
from harness.utils.files import shown_path

Array = np.ndarray


@dataclass(frozen=True)
class Predictor:
    """Predicts the images of one data set with any runs of a competition.

    Args:
        dataset: the images; its classes are those of the runs.
        kinds: the classes of recipes, by name.
        scratch: a folder for the images as the recipes read them; they are read once for all folds and members.
        unreadable: how many images may be unreadable, which are then predicted as grey ones; with None all may be, and
            get no prediction.
    """

    dataset: Dataset
    kinds: dict[str, type[Recipe]]
    scratch: Path
    unreadable: int | None = None
    caches: dict[Input, Cache] = field(default_factory=dict, init=False)

    def predict(self, record: Record) -> Predictions:
        """A run's probabilities for the images that can be read, in the order of the data set.

        Raises:
            UserError: the run, or a member's, keeps no model, or no image can be read.
        """
        recipe = restored(record.settings, self.kinds)
        if isinstance(recipe, Soup):
            name, key = next(iter(record.about["members"].items()))
            member = restored(member_of(record, name, key).settings, self.kinds)
            assert isinstance(member, Trained)
            return self._of_folds(record, recipe.of_folds(member, {}, self.dataset.groups))
        if isinstance(recipe, FoldRecipe):
            return self._of_folds(record, recipe)
        return self._of_members(record)

    def _of_members(self, record: Record) -> Predictions:
        try:
            combiner, names = kept.read(record.folder)
        except (OSError, KeyError, ValueError):
            raise keeps_no_model(record) from None
        keys = record.about["members"]
        joined = join({name: self.predict(member_of(record, name, keys[name])) for name in names}, self.dataset.targets)
        combined = Predictions(joined.ids, joined.classes, combiner(joined.probabilities).astype(np.float32))
        predicted = set(joined.ids)
        in_order = tuple(name for name in self.dataset.ids if name in predicted)
        return Predictions(in_order, joined.classes, combined.of(in_order))

    def _of_folds(self, record: Record, recipe: FoldRecipe) -> Predictions:
        for input in recipe.inputs():
            if input not in self.caches:
                file = input.path(self.scratch, input.key(self.dataset))
                allowed = len(self.dataset) if self.unreadable is None else self.unreadable
                self.caches[input] = open_or_build(file, input, self.dataset, allowed)
                unreadable = self.dataset.ids_of(np.flatnonzero(~self.caches[input].readable))
                if unreadable and self.unreadable is None:
                    say(
                        f"{len(unreadable):,} images get no prediction, for they cannot be read: {some([*unreadable])}."
                    )
        readable = np.all([self.caches[input].readable for input in recipe.inputs()], axis=0)
        if self.unreadable is None and not readable.any():
            raise UserError("none of the images can be read.", "give images that a viewer opens")
        rows = np.flatnonzero(readable) if self.unreadable is None else np.arange(len(self.dataset))
        variant = chosen_variant(record.about)
        by_fold = []
        for number in range(len(record.fold_folders)):
            fold = self._fold(record, recipe, rows, number)
            try:
                with doing(f"predicting with {fold.title}"):
                    probabilities = recipe.predict(fold)
            except NotImplementedError as error:
                raise UserError(
                    f"{error}, so its runs cannot predict.", "write it in the competition's recipes.py"
                ) from None
            except (OSError, KeyError):
                raise keeps_no_model(record) from None
            of_variants = probabilities.reshape(-1, *probabilities.shape[-2:])
            by_fold.append(Predictions(self.dataset.ids_of(rows), self.dataset.classes, of_variants[variant]))
        return tables.mean(by_fold)

    def _fold(self, record: Record, recipe: FoldRecipe, rows: Array, number: int) -> Fold:
        """A fold's folder, with the new images as its test rows and no others."""
        return Fold(
            title=title_of(record.recipe, number, len(record.fold_folders)),
            train=rows[:0],
            validation=rows[:0],
            holdout=rows[:0],
            test=rows,
            labels=self.dataset.labels,
            classes=self.dataset.classes,
            caches=self.caches,
            hflip_safe=True,  # the views were checked when the run was made
            seed=recipe.seed + number,
            folder=record.fold_folders[number],
            targets=self.dataset.targets,
            columns=self.dataset.columns,
        )


def member_of(record: Record, name: str, key: str) -> Record:
    """The run of an ensemble's member.

    Raises:
        UserError: it is not there any more.
    """
    member = read(record.runs / name / key, smoke=bool(record.about.get("smoke")))
    if member is None:
        raise UserError(
            f"{record.name} is made of the run {name}/{key[:8]}, which is not there any more.",
            f"harness train {record.competition} {record.recipe}",
        )
    return member


def classes_of(record: Record) -> tuple[str, ...]:
    """The names of the classes that a run predicts.

    Raises:
        UserError: its predictions are damaged.
    """
    splits = record.predictions()
    if splits is None:
        raise UserError(f"{record.folder / 'predictions.h5'} is missing or damaged.", keeps_no_model(record).fix)
    return next(iter(splits.values())).classes


def keeps_no_model(record: Record) -> UserError:
    """The error of a run that was made before models were kept. Its checkpoints make another training needless."""
    folder = shown_path(record.folder)
    return UserError(
        f"the run {record.name} keeps no model, for an older version made it, or one was removed.",
        f"rm -f {folder}/run.json {folder}/fold-*/predictions.h5 && harness train {record.competition} {record.recipe}"
        ", and the --set options that it had; a network is not trained again",
    )
