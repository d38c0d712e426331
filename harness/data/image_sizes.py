"""How large an image claims to be, and how much memory decoding it takes: known before any is taken."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from PIL import Image

from harness.data import tiff
from harness.utils.files import size

# What decoding one image may take, and all those that are decoded at once: 83 million pixels of most formats.
MOST_BYTES = 500_000_000
# A JPEG decoded at a fraction of its size takes little memory, but time.
MOST_PIXELS = 1 << 29

JPEG, PNG, GIF = b"\xff\xd8", b"\x89PNG", b"GIF8"
TIFF = (b"II\x2a\x00", b"MM\x00\x2a", *tiff.BIG_TIFF)
# Bytes a pixel, as measured of OpenCV 5: the image, and a copy of it; what else the decoders hold.
USUAL, PALETTES, COEFFICIENTS, WAVELETS = 6, 8, 6, 16


class UnreadableError(Exception):
    """The bytes are not a complete image; the message says why."""


class Claim(NamedTuple):
    """What an image's header says.

    Args:
        height: pixels.
        width: pixels.
        bytes: what decoding it takes.
    """

    height: int
    width: int
    bytes: int


def claim(content: bytes, shrinkage: int = 1) -> Claim:
    """What an image's header says.

    Args:
        content: the encoded image.
        shrinkage: 2, 4 or 8 where a JPEG is decoded at that fraction of its size.

    Raises:
        UnreadableError: there is no such header, or decoding would take more than ``MOST_BYTES``.
    """
    if content.startswith(JPEG):
        height, width, progressive = jpeg_size(content)
        needed = USUAL * (height // shrinkage + 1) * (width // shrinkage + 1)
        needed += progressive * COEFFICIENTS * height * width
    elif content.startswith(PNG):
        width, height = int.from_bytes(content[16:20]), int.from_bytes(content[20:24])
        needed = USUAL * height * width
    elif content.startswith(GIF):
        width, height = int.from_bytes(content[6:8], "little"), int.from_bytes(content[8:10], "little")
        needed = PALETTES * height * width
    elif content.startswith(TIFF):
        height, width, sample_bytes = _tiff_size(content)
        needed = (USUAL + sample_bytes) * height * width
    else:
        height, width, kind = _other_size(content)
        needed = (WAVELETS if kind in ("JPEG2000", "AVIF") else USUAL) * height * width
    if needed > MOST_BYTES or height * width > MOST_PIXELS:
        raise UnreadableError(
            f"it claims {height}×{width} pixels, whose decoding takes {size(needed)}; at most {size(MOST_BYTES)} may be"
        )
    return Claim(height, width, needed)


def jpeg_size(content: bytes) -> tuple[int, int, bool]:
    """(height, width, whether all coefficients are held at once) from a JPEG's frame header.

    Source: ITU-T T.81, annex B.
    """
    offset = 2
    while offset + 9 <= len(content):
        if content[offset] != 0xFF:
            break
        marker = content[offset + 1]
        if marker == 0xFF:  # padding
            offset += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = (int.from_bytes(content[offset + at : offset + at + 2]) for at in (5, 7))
            return height, width, marker not in (0xC0, 0xC1)
        else:
            offset += 2 + int.from_bytes(content[offset + 2 : offset + 4])
    raise UnreadableError("the JPEG has no frame header")


def _tiff_size(content: bytes) -> tuple[int, int, int]:
    """(height, width, bytes a pixel) of a TIFF's first image, of whatever samples it is made."""
    try:
        directory = tiff.first_directory(content)
        width, height = int(directory[256]), int(directory[257])
        bits = directory.get(tiff.BITS_PER_SAMPLE, (1,))
        samples = int(directory.get(277, 1))
        return height, width, max(1, max(bits) * samples // 8)
    except Exception as error:  # a damaged directory may raise anything
        raise UnreadableError(f"the TIFF has no directory that can be read ({type(error).__name__})") from None


def _other_size(content: bytes) -> tuple[int, int, str]:
    """(height, width, Pillow's name of the format)."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            return image.height, image.width, str(image.format)
    except Image.DecompressionBombError:
        raise UnreadableError("it claims too many pixels") from None
    except Exception:  # a damaged header may raise anything
        raise UnreadableError("it is not an image of a known format") from None


class _Room:
    """Memory for the images that are decoded at the same time, in several threads."""

    def __init__(self, total: int) -> None:
        self._free, self._changed = total, threading.Condition()

    @contextmanager
    def taken(self, needed: int) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: self._free >= needed)
            self._free -= needed
        try:
            yield
        finally:
            with self._changed:
                self._free += needed
                self._changed.notify_all()


# One for the process: any thread may decode. No claim is larger than it, and nobody takes twice.
ROOM = _Room(MOST_BYTES)
