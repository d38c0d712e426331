"""From the bytes of an image to an RGB array of an exact size: decoding and resizing."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from harness.data.complaints import hearing, note
from harness.data.image_sizes import JPEG, MOST_BYTES, PNG, ROOM, UnreadableError, claim, jpeg_size
from harness.utils.errors import UserError

Array = np.ndarray

# We use threads of our own: one image per thread is faster than one image on all cores.
cv2.setNumThreads(1)
# OpenCV's warnings about broken files do not name the file; our messages do.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
# Nor do Pillow's.
warnings.filterwarnings("ignore", module="PIL")

# The start of a JPEG segment: 0xFF and a code other than a stuffed zero, padding or a restart marker of scan data.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")

# OpenCV's flags for decoding at a fraction of the size.
REDUCED = {
    1: cv2.IMREAD_COLOR_RGB,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


@dataclass(frozen=True)
class Geometry:
    """The size that images are resized to, and how.

    Args:
        height: pixels.
        width: pixels.
        fit: "aspect" fills the size and crops the centre of the longer side; "plain" stretches.
    """

    height: int
    width: int
    fit: Literal["aspect", "plain"] = "aspect"

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1 or self.fit not in ("aspect", "plain"):
            raise UserError(
                f"a geometry has sides of at least 1 and fit 'aspect' or 'plain'. "
                f"Received: {self.height}×{self.width}, fit={self.fit!r}"
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.height, self.width, 3)

    def __str__(self) -> str:
        return f"{self.height}x{self.width}" + ("" if self.fit == "aspect" else "-plain")


def load(content: bytes | Array, geometry: Geometry) -> Array:
    """An image resized to a geometry: (height, width, 3) uint8 RGB.

    Args:
        content: an encoded image, or a decoded (h, w) grey or (h, w, 3) RGB uint8 array.
        geometry: the size to resize to.

    Raises:
        UnreadableError: the content is empty, truncated, or not an image.
    """
    with opened(content, geometry) as image:
        return resize(image, geometry)


@contextmanager
def opened(content: bytes | Array, geometry: Geometry | None = None) -> Iterator[Array]:
    """A context with an image as (h, w, 3) uint8 RGB, not resized; arguments and errors as for ``load``.

    Greyscale, palette, alpha, CMYK and 16-bit images are converted. Of an animation, the first frame is used. The
    camera's orientation tag is applied.
    A JPEG that is at least 2, 8 or 16 times as large as ``geometry`` is decoded at 1/2, 1/4 or 1/8 of its size, which
    is up to twice as fast. With the same crop, photographs of 500 pixels resized to 224, 128 and 64 pixels then differ
    from fully decoded ones by 1.2, 0.7 and 0.3 grey levels on average.
    Several threads may open images; large ones wait for each other, for memory.
    """
    if not isinstance(content, bytes):
        yield np.repeat(content[:, :, None], 3, axis=2) if content.ndim == 2 else content
        return
    flag, needed = _looked_at(content, geometry)
    with ROOM.taken(needed):
        image = _decoded(content, flag)
        yield image if flag == cv2.IMREAD_COLOR_RGB else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _looked_at(content: bytes, geometry: Geometry | None) -> tuple[int, int]:
    """OpenCV's flag to decode an image with, and the bytes that decoding takes.

    Raises:
        UnreadableError: the image is cut off, or too large.
    """
    if not content:
        raise UnreadableError("the file is empty")
    _require_whole(content)
    shrinkage = _shrinkage(content, geometry) if geometry is not None and content.startswith(JPEG) else 1
    return REDUCED[shrinkage], claim(content, shrinkage).bytes


def deep(content: bytes) -> Array:
    """Decode to (h, w) or (h, w, 3) RGB of the file's own numbers: 16 bits or floats; an alpha channel is left out.

    Raises:
        UnreadableError: the content is truncated, too large, or not an image.
    """
    _require_whole(content)
    with ROOM.taken(claim(content).bytes):
        image = _decoded(content, cv2.IMREAD_UNCHANGED)
    return image if image.ndim == 2 else np.ascontiguousarray(image[..., 2::-1])


def _decoded(content: bytes, flag: int) -> Array:
    try:
        image, complaints = hearing(lambda: cv2.imdecode(np.frombuffer(content, np.uint8), flag))
    except cv2.error as error:
        raise UnreadableError(f"it cannot be decoded ({error.err})") from None
    if image is None:
        why = f" ({'; '.join(complaints)})" if complaints else ""
        raise UnreadableError(f"it is not an image that OpenCV can decode{why}")
    note(complaints)
    return image


def resize(image: Array, geometry: Geometry) -> Array:
    """Resize (h, w, 3) to the geometry's exact size: area averaging when shrinking, cubic when enlarging."""
    height, width = image.shape[:2]
    if (height, width) == (geometry.height, geometry.width):
        return image
    if geometry.fit == "plain":
        return _resize(image, geometry.height, geometry.width)
    if geometry.height <= height and geometry.width <= width:
        # Shrinking: cropping first gives the same image to within one source pixel, with less work.
        new_height, new_width = _largest_crop(height, width, geometry)
        return _resize(_centre_crop(image, new_height, new_width), geometry.height, geometry.width)
    scale = max(geometry.height / height, geometry.width / width)
    new_height, new_width = max(geometry.height, round(height * scale)), max(geometry.width, round(width * scale))
    if 3 * new_height * new_width > MOST_BYTES:
        raise UnreadableError(f"it is a strip of {height}×{width} pixels: too long to be enlarged")
    return _centre_crop(_resize(image, new_height, new_width), geometry.height, geometry.width)


def _largest_crop(height: int, width: int, geometry: Geometry) -> tuple[int, int]:
    """The largest (height, width) of the geometry's aspect inside an image."""
    if width * geometry.height > height * geometry.width:
        return height, max(1, round(height * geometry.width / geometry.height))
    return max(1, round(width * geometry.height / geometry.width)), width


def _centre_crop(image: Array, height: int, width: int) -> Array:
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]


def _resize(image: Array, height: int, width: int) -> Array:
    shrinks = height * width < image.shape[0] * image.shape[1]
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def _require_whole(content: bytes) -> None:
    """Reject a truncated JPEG or PNG: OpenCV would fill the missing part with grey. Bytes after the end may follow."""
    if content.startswith(JPEG):
        if not _has_end_marker(content):
            raise UnreadableError("the JPEG is cut off")
    elif content.startswith(PNG) and b"IEND" not in content:
        raise UnreadableError("the PNG is cut off")


def _has_end_marker(content: bytes) -> bool:
    """Whether a JPEG's segments lead to an end-of-image marker; that of an embedded thumbnail does not count."""
    offset = 2
    while (marker := _MARKER.search(content, offset)) is not None:
        if marker[0] == b"\xff\xd9":
            return True
        offset = marker.end() + int.from_bytes(content[marker.end() : marker.end() + 2])
    return False


def _shrinkage(content: bytes, geometry: Geometry) -> int:
    """The fraction of its size at which a JPEG is decoded: the smallest size that is still large enough."""
    height, width, _ = jpeg_size(content)
    # The orientation tag may swap the sides; comparing the shorter with the longer side is safe either way.
    ratio = min(height, width) / max(geometry.height, geometry.width)
    return next((fraction for least, fraction in ((16, 8), (8, 4), (2, 2)) if ratio >= least), 1)
