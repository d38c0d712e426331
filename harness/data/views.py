"""Views for test-time augmentation: which crops of an image the network is asked about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.errors import UserError, nearest

Array = np.ndarray


@dataclass(frozen=True)
class View:
    """One way to look at an image.

    Args:
        down, across: where the crop lies between the top left (0, 0) and the bottom right (1, 1).
        mirrored: left and right swapped.
    """

    down: float = 0.5
    across: float = 0.5
    mirrored: bool = False

    @property
    def name(self) -> str:
        """Where it looks: "centre", "top left, mirrored"."""
        rows, columns = {0: "top ", 0.5: "", 1: "bottom "}, {0: "left", 0.5: "centre", 1: "right"}
        return rows[self.down] + columns[self.across] + ", mirrored" * self.mirrored

    def of(self, images: Array, height: int, width: int, pad: int = 0) -> Array:
        """Take the view of a batch: (n, H, W, 3) to (n, height, width, 3).

        Args:
            images: a batch of equal-sized images.
            height, width: the crop's size, at most the padded image's.
            pad: pixels by which the edges are first repeated outwards on every side.
        """
        if images.shape[1:3] == (height, width) and not (pad or self.mirrored):
            return images
        top = int(self.down * (images.shape[1] + 2 * pad - height)) - pad
        left = int(self.across * (images.shape[2] + 2 * pad - width)) - pad
        rows = np.clip(np.arange(top, top + height), 0, images.shape[1] - 1)
        columns = np.clip(np.arange(left, left + width), 0, images.shape[2] - 1)
        if self.mirrored:
            columns = columns[::-1]
        return images[:, rows[:, None], columns]


CENTRE = View()
CORNERS = (View(0, 0), View(0, 1), View(1, 0), View(1, 1))
CROPS = (*CORNERS, CENTRE)


def _mirror(views: tuple[View, ...]) -> tuple[View, ...]:
    return tuple(View(view.down, view.across, mirrored=True) for view in views)


# Ten-crop in the order of Krizhevsky et al. (2012): corners, centre, then their mirror images.
VIEWS: dict[str, tuple[View, ...]] = {
    "centre": (CENTRE,),
    "mirror": (CENTRE, *_mirror((CENTRE,))),
    "crops": CROPS,
    "ten_crop": (*CROPS, *_mirror(CROPS)),
}


def views(name: str, mirror: bool) -> tuple[View, ...]:
    """The views called ``name``.

    Raises:
        UserError: no such views, or mirrored ones where a mirrored image is another thing.
    """
    if name not in VIEWS:
        raise UserError(
            f"views must be one of {', '.join(VIEWS)}. Received: views={name!r}. {nearest(name, list(VIEWS))}"
        )
    found = VIEWS[name]
    if not mirror and any(view.mirrored for view in found):
        raise UserError(
            f"views={name!r} mirrors images, and this competition says a mirrored image is another thing.",
            "--set views=crops",
        )
    return found
