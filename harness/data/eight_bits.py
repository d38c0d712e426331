"""Bringing images of more than 8 bits to 8 bits: 16-bit and float PNG and TIFF, ``.npy``, DICOM."""

from __future__ import annotations

import io
import math

import numpy as np

from harness.data import dicom, tiff
from harness.data.image_sizes import MOST_BYTES, PNG, ROOM, TIFF, UnreadableError
from harness.data.images import deep
from harness.data.windows import Window

Array = np.ndarray

PERCENTILES = (1, 99)
# Bytes that windowing takes for each value, at most: copies of it as float64.
WORKING = 24

NPY = b"\x93NUMPY"
# A header of an array is as long as its shape and type need; a longer one is an attack on its parser.
LONGEST_HEADER = 4096


def windowed(content: bytes | Array, window: Window = "file") -> bytes | Array:
    """An image of more than 8 bits as (h, w) or (h, w, 3) uint8 RGB; any other image as it is.

    Args:
        content: an encoded image, or a decoded array of any numbers.
        window: which value is black and which is white. With "file", 16-bit PNGs and TIFFs are left to the decoder,
            which divides by 257.

    Raises:
        UnreadableError: it is cut off, holds no numbers, or nothing says which value is black and which is white.
    """
    if not isinstance(content, bytes):
        return content if content.dtype == np.uint8 else eight_bits(content, window)
    if content.startswith(NPY):
        return eight_bits(_array(content), window)
    if dicom.is_dicom(content):
        return _of_dicom(dicom.pixels(content, apply_window=window == "file"), window)
    bits, is_unsigned = _depth(content)
    if bits <= 8 or (window == "file" and bits == 16 and is_unsigned):
        return content
    return eight_bits(deep(content), window)


def is_deep(content: bytes | Array) -> bool:
    """Whether an image has more than 8 bits, so that a window decides which of its values can be told apart."""
    if not isinstance(content, bytes) or content.startswith(NPY):
        values = _array(content) if isinstance(content, bytes) else content
        return values.dtype not in (np.uint8, np.bool_)
    return dicom.is_dicom(content) or _depth(content)[0] > 8


def eight_bits(values: Array, window: Window) -> Array:
    """Values as uint8: black below the window, white above it, and linear between. What is no number is black.

    Args:
        values: (h, w) or (h, w, 3) of any integers, floats or truth values.
        window: as in ``windowed``.

    Raises:
        UnreadableError: the values are not those of an image, or nothing says which are black and white.
    """
    if values.ndim not in (2, 3) or values.shape[2:] not in ((), (3,)) or not values.size:
        raise UnreadableError(f"it holds an array of shape {values.shape}, not (height, width) or (height, width, 3)")
    if values.dtype == np.uint8:
        return values
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * 255
    if values.dtype.kind not in "iuf":
        raise UnreadableError(f"it holds {values.dtype} values, not numbers")
    if WORKING * values.size > MOST_BYTES:
        raise UnreadableError(
            f"it holds {values.size:,} values of {values.dtype}; at most {MOST_BYTES // WORKING:,} may be"
        )
    with ROOM.taken(WORKING * values.size):
        return _scaled(values, *_limits(values, window))


def _scaled(values: Array, low: float, high: float) -> Array:
    numbers = np.nan_to_num(values.astype(np.float64), nan=low, posinf=high, neginf=low)
    shown = np.clip((numbers - low) * (255 / (high - low)), 0, 255) if high > low else np.where(numbers > high, 255, 0)
    return np.rint(shown).astype(np.uint8)


def _of_dicom(pixels: dicom.Pixels, window: Window) -> Array:
    """A DICOM file's pixels as uint8. Without any window its own darkest and brightest values are black and white."""
    if pixels.values.ndim == 3:
        return pixels.values
    shown = eight_bits(pixels.values.astype(np.float64), (pixels.limits or "image") if window == "file" else window)
    return 255 - shown if pixels.inverted else shown


def _limits(values: Array, window: Window) -> tuple[float, float]:
    """The values that are black and white."""
    if isinstance(window, tuple):
        return window
    if window == "file":
        if values.dtype != np.uint16:
            raise UnreadableError(
                f"it holds {values.dtype} numbers, and nothing says which are black and white; set window=(low, high), "
                '"image" or "percentiles" in the competition\'s competition.py'
            )
        return 0.0, 65535.0
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    if window == "image":
        return float(finite.min()), float(finite.max())
    low, high = np.percentile(finite, PERCENTILES)
    return float(low), float(high)


def _array(content: bytes) -> Array:
    """The array of a ``.npy`` file, of which nothing is run: objects are refused, and no memory is taken for claims."""
    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran_order, dtype = read(stream, max_header_size=LONGEST_HEADER)
    except Exception as error:  # numpy parses it as Python, and raises whatever that leads to
        raise UnreadableError(f"its header is not that of an array ({type(error).__name__})") from None
    if dtype.hasobject or dtype.kind not in "biuf":
        raise UnreadableError(f"it holds {dtype} values, not numbers")
    if not all(isinstance(side, int) and side > 0 for side in shape) or len(shape) not in (2, 3):
        raise UnreadableError(f"it holds an array of shape {shape}, not (height, width) or (height, width, 3)")
    count = math.prod(shape)
    if len(content) - stream.tell() < count * dtype.itemsize:
        raise UnreadableError(f"it is cut off: it claims the shape {shape}")
    values = np.frombuffer(content, dtype, count, stream.tell()).reshape(shape, order="F" if fortran_order else "C")
    return values[..., 0] if values.shape[2:] == (1,) else values


def _depth(content: bytes) -> tuple[int, bool]:
    """The bits of each of an image's values, and whether they are unsigned integers; 8 for all but PNG and TIFF."""
    if content.startswith(PNG):
        return int.from_bytes(content[24:25]), True
    return tiff.depth(content) if content.startswith(TIFF) else (8, True)
