"""A source of images that brings those of more than 8 bits to 8 bits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from harness.data.readers.reader import ImageSource
from harness.data.windows import Window

Array = np.ndarray

DICOM_SUFFIXES = (".dcm", ".dicom")


def decoding_steps(sources: Iterable[str]) -> tuple[str, ...]:
    """The steps that make pixels of files, for keys: that of DICOM files where there are such."""
    return ("decoding", *(["dicom"] if any(one.lower().endswith(DICOM_SUFFIXES) for one in sources) else []))


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
