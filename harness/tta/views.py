"""Views for test-time augmentation (TTA): variants of an image whose predictions are averaged."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from harness.utils.errors import UserError, nearest

Array = np.ndarray

STEP = 1 / 32  # a shift, as a fraction of the window's side
CLOSER, FURTHER = 7 / 8, 9 / 8
DRAWN = 8  # number of random views


@dataclass(frozen=True)
class View:
    """A window of an image. Beyond the image, its edge pixels are repeated.

    Args:
        down, across: the position of the window, between the top left (0, 0) and the bottom right (1, 1).
        moved: a shift from there in steps, down and across; a step is ``STEP`` of the side, at least one pixel.
        scale: the window's sides relative to the network's input, to which it is resampled; below 1 zooms in.
        mirrored: left and right swapped.
        weight: how much it counts in an average; a view is the same view with any weight.
    """

    down: float = 0.5
    across: float = 0.5
    moved: tuple[int, int] = (0, 0)
    scale: float = 1.0
    mirrored: bool = False
    weight: float = field(default=1.0, compare=False)

    @property
    def name(self) -> str:
        """The name, such as "centre", "top left, mirrored", "centre, moved up" or "centre, scale 0.875"."""
        rows, columns = {0: "top ", 0.5: "", 1: "bottom "}, {0: "left", 0.5: "centre", 1: "right"}
        ways = zip((("up", "", "down"), ("left", "", "right")), self.moved, strict=True)
        moved = " and ".join(filter(None, (names[1 + step] for names, step in ways)))
        scale = "" if self.scale == 1 else f", scale {self.scale:g}"
        text = rows[self.down] + columns[self.across] + f", moved {moved}" * bool(moved) + scale
        return text + ", mirrored" * self.mirrored

    def of(self, images: Any, height: int, width: int, pad: int = 0, ops: Any = np) -> Any:
        """The view of each image of a batch: (n, H, W, 3) to (n, height, width, 3).

        Crops only copy pixels, so they are the same bit by bit on every device. Resampled views are floats.

        Args:
            images: a batch of images of one size.
            height, width: the network's input; a crop is at most as large as the padded image.
            pad: the number of pixels by which the edges are first extended on every side.
            ops: the array functions: numpy, or ``keras.ops`` for tensors on a device.
        """
        view = images
        for axis, side, position, steps in (
            (1, height, self.down, self.moved[0]),
            (2, width, self.across, self.moved[1]),
        ):
            window = round(self.scale * side)
            start = math.floor(position * (images.shape[axis] + 2 * pad - window)) - pad
            view = _window(view, axis, start + steps * max(1, round(STEP * side)), window, ops)
        if self.scale != 1:
            view = _resampled(view, height, width, ops)
        return view[:, :, ::-1] if self.mirrored else view


@dataclass(frozen=True)
class Drawn:
    """One draw of the recipe's training augmentation, the same for all images.

    Args:
        number: identifies the draw; each number gives another one.
    """

    number: int
    mirrored = False  # the augmentation itself mirrors only where that is safe
    weight = 1.0

    @property
    def name(self) -> str:
        return f"random {self.number}"


def _window(images: Any, axis: int, start: int, length: int, ops: Any) -> Any:
    """``length`` rows (axis 1) or columns (axis 2) from ``start`` on; beyond the image, its edge is repeated."""

    def cut(first: int, end: int) -> Any:
        return images[(*[slice(None)] * axis, slice(first, end))]

    side = images.shape[axis]
    first, last = (min(max(index, 0), side - 1) for index in (start, start + length - 1))
    before = min(max(-start, 0), length - 1)
    after = length - before - (last + 1 - first)
    pieces = [cut(first, last + 1)]
    if before:
        pieces.insert(0, ops.repeat(cut(first, first + 1), before, axis))
    if after:
        pieces.append(ops.repeat(cut(last, last + 1), after, axis))
    return pieces[0] if len(pieces) == 1 else ops.concatenate(pieces, axis)


def _resampled(images: Any, height: int, width: int, ops: Any) -> Any:
    """Resize images by two matrix products, which are fast and consistent on every device."""
    rows, columns = images.shape[1:3]
    resized = ops.matmul(_weights(rows, height), ops.reshape(images, (-1, rows, columns * 3)))
    resized = ops.matmul(_weights(columns, width), ops.reshape(resized, (-1, columns, 3)))
    return ops.reshape(resized, (-1, height, width, 3))


def _weights(source: int, target: int) -> Array:
    """Weights of linear interpolation, widened when shrinking, to average all pixels: (target, source) float32."""
    step = source / target
    centres = (np.arange(target) + 0.5) * step - 0.5
    weights = np.maximum(0, 1 - np.abs(np.arange(source) - centres[:, None]) / max(1, step))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


CENTRE = View()
DIAGONALS = tuple(View(moved=moved, weight=0.5) for moved in ((-1, -1), (1, 1)))
CROPS = (*(View(down, across) for down, across in itertools.product((0, 1), (0, 1))), CENTRE)

# Each set includes the centre, which its gain is measured against. Ten-crop in the order of Krizhevsky et al. (2012):
# corners and centre, then their mirror images. Diagonal: Jordan, 94 % on CIFAR-10 in 3.29 seconds on a single GPU
# (2024).
VIEWS: dict[str, tuple[View | Drawn, ...]] = {
    "centre": (CENTRE,),
    "hflip": (CENTRE, replace(CENTRE, mirrored=True)),
    "crops": CROPS,
    "ten_crop": (*CROPS, *(replace(view, mirrored=True) for view in CROPS)),
    "scales": (CENTRE, View(scale=CLOSER), View(scale=FURTHER)),
    "shifts": (CENTRE, *(View(moved=moved) for moved in ((-1, 0), (1, 0), (0, -1), (0, 1)))),
    "diagonal": tuple(replace(view, mirrored=turned) for view in (CENTRE, *DIAGONALS) for turned in (False, True)),
    "random": (CENTRE, *(Drawn(number) for number in range(1, DRAWN + 1))),
}


def views(name: str, hflip_safe: bool, drawn: bool = True) -> tuple[View | Drawn, ...]:
    """The views of one or more sets, each view once.

    Args:
        name: a key of ``VIEWS``, or several joined by "+", such as "ten_crop+scales".
        hflip_safe: whether a mirrored image still shows the same class.
        drawn: whether there is a training augmentation to draw from.

    Raises:
        UserError: an unknown set, mirrored views although ``hflip_safe`` is False, or random ones without augmentation.
    """
    set_names = name.split("+")
    for set_name in set_names:
        if set_name not in VIEWS:
            raise UserError(
                f"views must be one of {', '.join(VIEWS)}, or several joined by +. Received: tta={name!r}. "
                f"{nearest(set_name, list(VIEWS))}",
                "change it in the competition's recipes.py, or with --set tta=hflip",
            )
    chosen = tuple(dict.fromkeys(view for set_name in set_names for view in VIEWS[set_name]))
    if not hflip_safe and any(view.mirrored for view in chosen):
        raise UserError(
            f"tta={name!r} mirrors images, but here a mirrored image may show another class (hflip_safe=False).",
            "--set tta=shifts",
        )
    if not drawn and "random" in set_names:
        raise UserError(
            f"tta={name!r} draws from the recipe's training augmentation, but the recipe has none.", "--set tta=shifts"
        )
    return chosen
