"""A model soup: one network whose weights are the average of several."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness.data.fold import Fold
from harness.recipes.recipe import Array, FoldRecipe, Recipe
from harness.recipes.snapshots import trained_name
from harness.recipes.trained import Trained
from harness.utils.errors import require

if TYPE_CHECKING:
    from harness.data.cache.cache import Input


@dataclass(frozen=True, kw_only=True)
class Soup(Recipe):
    """The average of the weights of snapshots of one run: as cheap to ask as one of them.

    Fold by fold, from the member of the lowest log loss on the validation part on, each next one is taken in with
    which the log loss gets no worse; so a soup is never worse than its best member on the rows it was chosen on. Its
    out-of-fold predictions are cross-fitted, and owe nothing to that choice.

    Source: Wortsman et al., Model Soups (2022).

    Args:
        of: names of snapshots of one run: ``snapshots("net", 3)``.
    """

    of: tuple[str, ...]

    @property
    def members(self) -> tuple[str, ...]:
        return self.of

    @property
    def key_steps(self) -> tuple[str, ...]:
        return ("fold_runs", "metrics", "model_soup", "norms", "training", "prediction", "inference")

    def check(self, competition) -> None:
        require(self, "of", len(set(self.of)) == len(self.of) >= 2, "two or more names, each once")
        alike = len({trained_name(name) for name in self.of}) == 1
        require(
            self, "of", alike, "snapshots of one run: the average of weights that began at different ones is of none"
        )

    def of_folds(self, recipe: Trained, folders: dict[str, Path], groups: Array) -> FoldRecipe:
        """What is fitted, fold by fold.

        Args:
            recipe: a member's.
            folders: the members' runs.
            groups: (n,) rows of one group are copies.
        """
        return _FoldSoup(
            seed=recipe.seed,
            folds=recipe.folds,
            max_samples=recipe.max_samples,
            recipe=recipe,
            folders=folders,
            groups=groups,
        )


@dataclass(frozen=True, kw_only=True)
class _FoldSoup(FoldRecipe):
    recipe: Trained
    folders: dict[str, Path] = field(hash=False)
    groups: Array = field(hash=False)

    def inputs(self) -> tuple[Input, ...]:
        return self.recipe.inputs()

    def fit(self, fold: Fold) -> Array:
        from harness.training.soup import fit

        members = {name: folder / fold.folder.name for name, folder in self.folders.items()}
        return fit(self.recipe, fold, members, self.groups)

    def predict(self, fold: Fold) -> Array:
        return self.recipe.predict(fold)
