"""What a recipe is: settings, what it needs, and how one fold of it is fitted."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

import numpy as np

from harness.errors import UserError

if TYPE_CHECKING:
    import keras

    from harness.competition import Competition
    from harness.data.cache import Cache, Input
    from harness.data.image_cache import ImageCache, Images

Array = np.ndarray
Declared = TypeVar("Declared", bound="Callable[[], Recipe]")


def recipe(function: Declared) -> Declared:
    """Mark a function of a ``recipes.py`` as a recipe, called by the function's name.

    Its docstring holds the command that runs it and the result to expect.
    """
    function.is_recipe = True  # type: ignore[attr-defined]
    return function


def is_recipe(value: object) -> bool:
    return callable(value) and getattr(value, "is_recipe", False)


@dataclass(frozen=True)
class Fold:
    """What fitting one fold gets.

    Args:
        title: "fold 2 of 5", for progress.
        train, validation, holdout, test: row numbers, equal in the data set and in every cache.
        labels: (n,) class numbers of all rows; only those of ``train`` and ``validation`` may be looked at.
        classes: class names by number.
        caches: the opened caches of the recipe's inputs.
        mirror: whether a mirrored image still shows the same class.
        seed: differs from fold to fold.
        folder: where this fold's history and plots go.
    """

    title: str
    train: Array
    validation: Array
    holdout: Array
    test: Array
    labels: Array
    classes: tuple[str, ...]
    caches: dict[Input, Cache]
    mirror: bool
    seed: int
    folder: Path

    def predicted(self) -> Array:
        """The rows to predict: validation, hold-out, test, in this order."""
        return np.concatenate([self.validation, self.holdout, self.test])

    def limited(self, limit: int | None) -> Array:
        """The training rows, or a seeded sample of at most ``limit`` of them in which no class is missing."""
        if limit is None or limit >= len(self.train):
            return self.train
        shuffled = np.random.default_rng(self.seed).permutation(self.train)
        _, one_of_each = np.unique(self.labels[shuffled], return_index=True)
        first = np.zeros(len(shuffled), dtype=bool)
        first[one_of_each] = True
        return np.sort(np.concatenate([shuffled[first], shuffled[~first]])[: max(limit, len(one_of_each))])


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A way to predictions. Constructors only store; ``check`` says what does not fit.

    Args:
        seed: the same seed on the same machine gives the same predictions.
    """

    seed: int = 42

    @property
    def modules(self) -> tuple[str, ...]:
        """Harness modules whose code decides the result, besides the recipe's own: part of its fingerprint."""
        return ()

    def ingredients(self) -> dict[str, Any]:
        """What else decides the result, such as pretrained weights: part of its fingerprint too."""
        return {}

    @property
    def members(self) -> tuple[str, ...]:
        """Names of the recipes whose predictions this one is made of."""
        return ()

    def inputs(self) -> tuple[Input, ...]:
        """What this recipe reads, each kept in a cache."""
        return ()

    @property
    def pretrained(self) -> bool:
        """Whether it stands on a network that was trained on other images before."""
        return False

    @property
    def approach(self) -> str:
        """What kind of recipe it is, for ``harness advise``; "" for one that it does not advise on."""
        return ""

    def architecture(self, classes: Callable[[], int]) -> keras.Model | None:
        """The network it trains or taps, with random weights, for ``harness inspect``; None where it has none.

        Args:
            classes: tells how many there are; asked only where they matter, for it may have to read the data.
        """
        return None

    def check(self, competition: Competition) -> None:
        """Refuse settings that make no sense here.

        Raises:
            UserError: names the setting, what is allowed and what it got.
        """

    def smoke(self) -> Self:
        """The same recipe shrunk to run in well under a minute: to see that it works, not how well."""
        return self


@dataclass(frozen=True, kw_only=True)
class FoldRecipe(Recipe):
    """A recipe that is fitted fold by fold.

    Args:
        folds: how many of the competition's folds to fit; None fits all.
        limit: fit each fold on at most so many rows; None takes all.
    """

    folds: int | None = None
    limit: int | None = None

    def check(self, competition: Competition) -> None:
        require(self, "folds", self.folds is None or self.folds >= 1, "at least 1, or None for all")
        require(self, "limit", self.limit is None or self.limit >= 1, "at least 1, or None for all rows")

    def smoke(self) -> Self:
        return dataclasses.replace(self, folds=1, limit=1000)

    def variants(self) -> tuple[dict[str, Any], ...]:
        """Settings of which the run takes those with the lowest log loss out of fold: one fit predicts for all."""
        return ({},)

    def fit(self, fold: Fold) -> Array:
        """Fit on ``fold.train``; give probabilities for ``fold.predicted()``: (rows, classes) float32.

        With several variants: (variants, rows, classes).
        """
        raise NotImplementedError(f"{type(self).__name__} must implement fit")


@dataclass(frozen=True, kw_only=True)
class ImageRecipe(FoldRecipe):
    """A fold recipe that reads images of one size.

    Args:
        size: (height, width) of the cached images.
        resize: "aspect" fills the size and crops the centre; "plain" stretches.
    """

    size: tuple[int, int]
    resize: Literal["aspect", "plain"] = "aspect"

    def check(self, competition: Competition) -> None:
        super().check(competition)
        require(self, "size", min(self.size) >= 1, "at least 1,1")

    @property
    def images(self) -> Images:
        from harness.data.image_cache import Images
        from harness.data.images import Geometry

        return Images(Geometry(*self.size, self.resize))

    def inputs(self) -> tuple[Input, ...]:
        return (self.images,)

    def cache(self, fold: Fold) -> ImageCache:
        """The opened cache of ``images``."""
        from harness.data.image_cache import ImageCache

        found = fold.caches[self.images]
        assert isinstance(found, ImageCache)
        return found


def require(recipe: Recipe, setting: str, holds: bool, allowed: str) -> None:
    """Raise a UserError in the one form all settings' errors have, unless the condition holds."""
    if not holds:
        raise UserError(
            f"{type(recipe).__name__}: {setting} must be {allowed}. Received: {setting}={getattr(recipe, setting)!r}",
            "change it in the competition's recipes.py, or with --set",
        )
