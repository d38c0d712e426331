"""What a recipe is: settings, what it needs, and how one fold of it is fitted."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

import numpy as np

from harness.data.fold import Fold
from harness.data.image_settings import ImageSettings
from harness.utils.errors import require

if TYPE_CHECKING:
    import keras

    from harness.competition import Competition
    from harness.data.cache.cache import Input
    from harness.data.dataset import Dataset

Array = np.ndarray
Declared = TypeVar("Declared", bound="Callable[[], Recipe]")


@overload
def recipe(function: Declared) -> Declared: ...


@overload
def recipe(*, space: str) -> Callable[[Declared], Declared]: ...


def recipe(function: Any = None, *, space: str = "") -> Any:
    """Mark a function of a ``recipes.py`` as a recipe, called by the function's name.

    Its docstring holds the command that runs it and the result to expect.

    Args:
        function: the function.
        space: what ``harness tune`` searches where it is told nothing else, as its ``--space`` takes it:
            ``@recipe(space="c=1e-4..1:log,side=[160,224]")``.
    """
    if function is None:
        return functools.partial(recipe, space=space)
    function.is_recipe, function.space = True, space
    return function


def is_recipe(value: object) -> bool:
    return callable(value) and getattr(value, "is_recipe", False)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A way to predictions. Constructors only store; ``check`` says what does not fit.

    Args:
        seed: the same seed on the same machine gives the same predictions.
    """

    seed: int = 42

    @property
    def key_steps(self) -> tuple[str, ...]:
        """The steps in ``harness.utils.versions`` that decide the result, besides those of its inputs and members."""
        return ()

    def ingredients(self) -> dict[str, Any]:
        """What else decides the result, such as pretrained weights: part of its key too."""
        return {}

    def reads(self, dataset: Dataset) -> dict[str, Any]:
        """What else of the data set decides the result, besides inputs and folds: part of its key too.

        Raises:
            UserError: the data set lacks what the recipe reads.
        """
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
        max_samples: fit each fold on at most so many rows; None takes all.
    """

    folds: int | None = None
    max_samples: int | None = None

    def check(self, competition: Competition) -> None:
        require(self, "folds", self.folds is None or self.folds >= 1, "at least 1, or None for all")
        require(
            self, "max_samples", self.max_samples is None or self.max_samples >= 1, "at least 1, or None for all rows"
        )

    def smoke(self) -> Self:
        return dataclasses.replace(self, folds=1, max_samples=1000)

    @property
    def key_steps(self) -> tuple[str, ...]:
        return ("fold_runs", "metrics")

    def variants(self) -> tuple[dict[str, Any], ...]:
        """Settings of which the run takes those with the lowest loss out of fold: one fit predicts for all."""
        return ({},)

    def fit(self, fold: Fold) -> Array:
        """Fit on ``fold.train``; give probabilities for ``fold.predicted()``: (rows, classes) float32.

        With several variants: (variants, rows, classes).
        """
        raise NotImplementedError(f"{type(self).__name__} must implement fit")

    def predict(self, fold: Fold) -> Array:
        """What ``fit`` would give for ``fold.predicted()``, from the model that it left in ``fold.folder``.

        Raises:
            NotImplementedError: the recipe keeps no model.
            OSError, KeyError: the fold has none, for it was fitted before models were kept.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement predict")


@dataclass(frozen=True, kw_only=True)
class ImageRecipe(ImageSettings, FoldRecipe):
    """A fold recipe that reads images of one size."""

    def check(self, competition: Competition) -> None:
        super().check(competition)
        require(self, "size", min(self.size) >= 1, "at least 1,1")

    def inputs(self) -> tuple[Input, ...]:
        return (self.images,)
