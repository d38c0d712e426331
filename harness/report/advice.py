"""What ``harness advise`` found, and what follows from it, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from harness.advise import BACKBONE, LARGE, LAST, MIDDLE, Likeness, approach
from harness.console import seconds

if TYPE_CHECKING:
    from harness.recipes.recipe import Recipe


def show(name: str, per_class: float, found: Likeness, recipes: dict[str, Recipe], out: Console) -> None:
    """Print the measurements, the approach they speak for, and the commands.

    Args:
        name: the competition's.
        per_class: the median number of training images a class.
        found: how like ImageNet a sample of them looks.
        recipes: the competition's, by name.
    """
    large = per_class >= LARGE
    chosen = approach(per_class, found.like)
    out.print(
        f"data: {'large' if large else 'small'}. {per_class:,.0f} training images a class in the median; "
        f"from {LARGE:,} on it counts as large."
    )
    out.print(
        f"likeness: {'like' if found.like else 'unlike'} ImageNet. On {found.images} images of {found.classes} classes "
        f"a classifier on {BACKBONE}'s last layer ({LAST}) has log loss {found.last:.3f} out of fold, one on a middle "
        f"layer ({MIDDLE}) {found.middle:.3f}. The other way round in {1 - found.sure:.1%} of bootstrap samples. "
        f"Measured in {seconds(found.seconds)}."
    )
    out.print(
        f"confidence: {found.confidence:.2f}, the median probability of the ImageNet class it finds most likely "
        "(0.40 on Dogs vs Cats, 0.29 on flowers, 0.09 on handwritten digits)."
    )
    if found.sure < 0.95:
        out.print("That is not sure: try the neighbouring approach too.")
    out.print(f"approach: {chosen.words}.")
    by_kind: dict[str, list[str]] = {}
    # Blends first: they are of the kind that their members are of.
    for recipe in sorted(recipes, key=lambda recipe: not recipes[recipe].members):
        by_kind.setdefault(_kind(recipes, recipe), []).append(recipe)
    by_kind.setdefault("early features", [f"{one} --set layers={MIDDLE}" for one in by_kind.get("features", [])])
    for kind in chosen.kinds:
        for recipe in by_kind.get(kind, []):
            out.print(f"  harness train {name} {recipe}")


def _kind(recipes: dict[str, Recipe], name: str) -> str:
    """The kind of approach that a recipe, or each of its members, is of; "" where they differ."""
    kinds = {_kind(recipes, member) for member in recipes[name].members} or {recipes[name].approach}
    return kinds.pop() if len(kinds) == 1 else ""
