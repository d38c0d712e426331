"""The report of ``harness advise``: the measurements, and the approach that they recommend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from harness.models.backbones.probe import BACKBONE, LARGE, LAST, MIDDLE, Similarity, approach
from harness.recipes.seeds import base
from harness.utils.console import seconds

FAMILY = "efficientnet-lite"  # whose networks all have the middle layer

if TYPE_CHECKING:
    from harness.recipes.recipe import Recipe


def show(name: str, per_class: float, likeness: Similarity, recipes: dict[str, Recipe], out: Console) -> None:
    """Print the measurements, the recommended approach, and the commands for it.

    Args:
        name: the competition's name.
        per_class: the median number of training images per class.
        likeness: how similar a sample of the images is to ImageNet.
        recipes: the competition's recipes, by name.
        out: where to print.
    """
    large = per_class >= LARGE
    chosen = approach(per_class, likeness.like)
    out.print(
        f"data: {'large' if large else 'small'}. {per_class:,.0f} training images per class (median); "
        f"data counts as large from {LARGE:,} on."
    )
    out.print(
        f"similarity: {'similar to' if likeness.like else 'different from'} ImageNet. On {likeness.images} images of "
        f"{likeness.classes} classes, a classifier on the last layer of {BACKBONE} ({LAST}) has an out-of-fold log "
        f"loss of {likeness.last:.3f}, and one on a middle layer ({MIDDLE}) {likeness.middle:.3f}. The order is "
        f"reversed in {100 * (1 - likeness.sure):.1f} % of bootstrap samples. Measured in {seconds(likeness.seconds)}."
    )
    out.print(
        f"confidence: {likeness.confidence:.2f}, the median probability of the most likely ImageNet class "
        "(0.40 on Dogs vs Cats, 0.29 on flowers, 0.09 on handwritten digits)."
    )
    if likeness.sure < 0.95:
        out.print("This result is not certain: also try the neighbouring approach.")
    out.print(f"approach: {chosen.words}.")
    by_kind: dict[str, list[str]] = {}
    # Ensembles come first; their kind is that of their members.
    declared = [name for name in recipes if base(name) == name]  # not repeats and snapshots
    for recipe in sorted(declared, key=lambda recipe: not recipes[recipe].members):
        by_kind.setdefault(_kind(recipes, recipe), []).append(recipe)
    early = [
        f"{recipe} --set layers={MIDDLE}" for recipe in by_kind.get("features", []) if _has_middle(recipes, recipe)
    ]
    by_kind.setdefault("early features", early)
    for kind in chosen.kinds:
        for recipe in by_kind.get(kind, []):
            out.print(f"  harness train {name} {recipe}")


def _has_middle(recipes: dict[str, Recipe], name: str) -> bool:
    """Whether the networks of a recipe, and of all its members, have the middle layer."""
    if members := recipes[name].members:
        return all(_has_middle(recipes, member) for member in members)
    backbones = getattr(recipes[name], "backbone", ())
    return all(one.startswith(FAMILY) for one in ((backbones,) if isinstance(backbones, str) else backbones))


def _kind(recipes: dict[str, Recipe], name: str) -> str:
    """The kind of approach of a recipe, or of all its members; "" if the members differ."""
    kinds = {_kind(recipes, member) for member in recipes[name].members} or {recipes[name].approach}
    return kinds.pop() if len(kinds) == 1 else ""
