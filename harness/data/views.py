"""Views for test-time augmentation: the ways in which an image is shown to a network, whose answers are averaged."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from harness.errors import UserError, nearest

Array = np.ndarray

STEP = 1 / 32  # of the window's side: what a small shift moves it by
CLOSER, FURTHER = 7 / 8, 9 / 8
DRAWN = 8  # random views


@dataclass(frozen=True)
class View:
    """A window on an image; where it reaches over the edges, these are repeated.

    Args:
        down, across: where the window lies between the top left (0, 0) and the bottom right (1, 1).
        moved: from there, so many steps down and across; each is ``STEP`` of its side, and at least a pixel.
        scale: its sides over those of what the network takes, to which it is resampled: below 1 is closer.
        mirrored: left and right swapped.
    """

    down: float = 0.5
    across: float = 0.5
    moved: tuple[int, int] = (0, 0)
    scale: float = 1.0
    mirrored: bool = False

    @property
    def name(self) -> str:
        """Where it looks: "centre", "top left, mirrored", "centre, moved up", "centre, scale 0.875"."""
        rows, columns = {0: "top ", 0.5: "", 1: "bottom "}, {0: "left", 0.5: "centre", 1: "right"}
        moved = {(0, 0): "", (-1, 0): ", moved up", (1, 0): ", moved down", (0, -1): ", moved left"}
        scale = "" if self.scale == 1 else f", scale {self.scale:g}"
        told = rows[self.down] + columns[self.across] + moved.get(self.moved, ", moved right") + scale
        return told + ", mirrored" * self.mirrored

    def of(self, images: Any, height: int, width: int, pad: int = 0, ops: Any = np) -> Any:
        """Take the view of a batch: (n, H, W, 3) to (n, height, width, 3).

        Slices and joins copy bytes, so crops are the same to the bit wherever they are made. Resampled ones are floats.

        Args:
            images: a batch of equal-sized images.
            height, width: what the network takes; a crop is at most as large as the padded image.
            pad: pixels by which the edges are first repeated outwards on every side.
            ops: what computes: numpy, or ``keras.ops`` for tensors on a device.
        """
        seen = images
        for axis, side, place, steps in ((1, height, self.down, self.moved[0]), (2, width, self.across, self.moved[1])):
            window = round(self.scale * side)
            start = math.floor(place * (images.shape[axis] + 2 * pad - window)) - pad
            seen = _window(seen, axis, start + steps * max(1, round(STEP * side)), window, ops)
        if self.scale != 1:
            seen = _resampled(seen, height, width, ops)
        return seen[:, :, ::-1] if self.mirrored else seen


@dataclass(frozen=True)
class Drawn:
    """One draw of the recipe's own training augmentation, the same for all images.

    Args:
        number: other numbers, other draws.
    """

    number: int
    mirrored = False  # the augmentation mirrors nothing where a mirrored image is another thing

    @property
    def name(self) -> str:
        return f"random {self.number}"


def _window(images: Any, axis: int, start: int, length: int, ops: Any) -> Any:
    """``length`` rows (axis 1) or columns (axis 2) from ``start`` on, the outermost repeated beyond the edges."""

    def cut(first: int, end: int) -> Any:
        return images[(*[slice(None)] * axis, slice(first, end))]

    side = images.shape[axis]
    first, last = (min(max(place, 0), side - 1) for place in (start, start + length - 1))
    before = min(max(-start, 0), length - 1)
    after = length - before - (last + 1 - first)
    parts = [cut(first, last + 1)]
    if before:
        parts.insert(0, ops.repeat(cut(first, first + 1), before, axis))
    if after:
        parts.append(ops.repeat(cut(last, last + 1), after, axis))
    return parts[0] if len(parts) == 1 else ops.concatenate(parts, axis)


def _resampled(images: Any, height: int, width: int, ops: Any) -> Any:
    """Images brought to another size: products with two matrices, which every device does fast and alike."""
    rows, columns = images.shape[1:3]
    seen = ops.matmul(_weights(rows, height), ops.reshape(images, (-1, rows, columns * 3)))
    seen = ops.matmul(_weights(columns, width), ops.reshape(seen, (-1, columns, 3)))
    return ops.reshape(seen, (-1, height, width, 3))


def _weights(source: int, target: int) -> Array:
    """Linear interpolation, over as many pixels as become one where images shrink: (target, source) float32."""
    step = source / target
    middles = (np.arange(target) + 0.5) * step - 0.5
    found = np.maximum(0, 1 - np.abs(np.arange(source) - middles[:, None]) / max(1, step))
    return (found / found.sum(axis=1, keepdims=True)).astype(np.float32)


CENTRE = View()
CROPS = (*(View(down, across) for down, across in itertools.product((0, 1), (0, 1))), CENTRE)

# Each set holds the centre: what it gains is told against that. Ten-crop in the order of Krizhevsky et al. (2012):
# corners, centre, then their mirror images.
VIEWS: dict[str, tuple[View | Drawn, ...]] = {
    "centre": (CENTRE,),
    "mirror": (CENTRE, replace(CENTRE, mirrored=True)),
    "crops": CROPS,
    "ten_crop": (*CROPS, *(replace(view, mirrored=True) for view in CROPS)),
    "scales": (CENTRE, View(scale=CLOSER), View(scale=FURTHER)),
    "shifts": (CENTRE, *(View(moved=moved) for moved in ((-1, 0), (1, 0), (0, -1), (0, 1)))),
    "random": (CENTRE, *(Drawn(number) for number in range(1, DRAWN + 1))),
}


def views(name: str, mirror: bool, drawn: bool = True) -> tuple[View | Drawn, ...]:
    """The views called ``name``: a key of ``VIEWS``, or several joined by "+", each view once.

    Args:
        name: such as "ten_crop+scales".
        mirror: whether a mirrored image still shows the same class.
        drawn: whether there is an augmentation to draw from.

    Raises:
        UserError: no such views, mirrored ones where a mirrored image is another thing, or random ones of nothing.
    """
    sets = name.split("+")
    for one in sets:
        if one not in VIEWS:
            raise UserError(
                f"views must be one of {', '.join(VIEWS)}, or several joined by +. Received: views={name!r}. "
                f"{nearest(one, list(VIEWS))}"
            )
    found = tuple(dict.fromkeys(view for one in sets for view in VIEWS[one]))
    if not mirror and any(view.mirrored for view in found):
        raise UserError(
            f"views={name!r} mirrors images, and this competition says a mirrored image is another thing.",
            "--set views=crops",
        )
    if not drawn and "random" in sets:
        raise UserError(
            f"views={name!r} draws from the recipe's training augmentation, and there is none.", "--set views=shifts"
        )
    return found
