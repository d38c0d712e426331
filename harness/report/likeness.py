"""What is said about whether the test images are like the labelled ones."""

from __future__ import annotations

from rich.console import Console

from harness.models.adversarial import Likeness
from harness.utils.errors import some

NAMES = {"test": "test", "holdout": "hold-out"}
SHOWN = 8


def said(likeness: Likeness) -> str:
    """The finding in one sentence or two; a warning where the splits are unlike."""
    name, auc = NAMES[likeness.against], likeness.auc
    found = (
        f"{likeness.verdict}: by {likeness.features}, a linear classifier tells {name} images from the other labelled "
        f"ones with an out-of-fold AUC of {auc.score:.3f} ({auc.low:.3f} to {auc.high:.3f}), where 0.5 is chance."
    )
    if likeness.against == "test":
        found = found.replace("the other labelled ones", "labelled ones")
    if likeness.alike:
        return found
    return (
        f"{found} Warning: what is scored on labelled images may be far from what the {name} will say. Look at the "
        f"most unlike images, and hold out images that are as unlike (holdout= in the competition's competition.py)."
    )


def show(likeness: Likeness | None, competition: str, out: Console) -> None:
    """Print the finding; where it is not known, what would make it known."""
    if likeness is None:
        out.print(
            "test against training images: not compared, for no features are kept yet "
            f"(a recipe on a backbone computes them: harness list {competition}), or the images are of too few groups"
        )
        return
    out.print(f"{NAMES[likeness.against]} against training images: {said(likeness)}")
    if not likeness.alike:
        out.print(f"  the most unlike: {some([*likeness.most_unlike], SHOWN)}")
        out.print(f"  pictures of them, once there is a finished run: harness report {competition}")
