"""A source of images that brings those of more than 8 bits to 8 bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.data.readers.reader import ImageSource
from harness.data.windows import Window

Array = np.ndarray

# The steps that read files of one kind only.
OF_KINDS = {"dicom": (".dcm", ".dicom"), "tiff": (".tif", ".tiff")}


def decoding_steps(sources: Sequence[str]) -> tuple[str, ...]:
    """The steps that make pixels of files, for keys: those of one kind of files where there are such."""
    kinds = [step for step, ends in OF_KINDS.items() if any(source.lower().endswith(ends) for source in sources)]
    return ("decoding", *kinds)


@dataclass(frozen=True)
class Windowed:
    """Images brought to 8 bits.

    Args:
        images: where they are read from.
        window: which value is black and which is white.
    """

    images: ImageSource
    window: Window = "file"

    def read(self, source: str) -> bytes | Array:
        """As any source's; an image of more than 8 bits comes decoded.

        Raises:
            UnreadableError: an image of more than 8 bits that cannot be decoded or windowed.
        """
        from harness.data.eight_bits import windowed

        return windowed(self.images.read(source), self.window)


def read_told(images: ImageSource, source: str) -> tuple[bytes | Array, bool]:
    """An image as its source gives it, and whether it was one of more than 8 bits, for which the window decides.

    Raises:
        UnreadableError: as ``Windowed.read``.
    """
    from harness.data.eight_bits import is_deep, windowed

    if not isinstance(images, Windowed):
        return images.read(source), False
    content = images.images.read(source)
    return windowed(content, images.window), is_deep(content)
