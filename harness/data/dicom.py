"""DICOM: the pixels of medical images, in the units and the window that the file states.

Source: DICOM PS3.3, C.7.6.3 (pixels), C.11.1 (modality LUT), C.11.2 (VOI LUT: the window).
"""

from __future__ import annotations

import io
import warnings
from typing import Any, NamedTuple

import numpy as np

from harness.data.image_sizes import UnreadableError
from harness.utils.errors import UserError

Array = np.ndarray

MAGIC, MAGIC_AT = b"DICM", 128
# A file whose header is compressed too may unpack to any size.
DEFLATED = b"1.2.840.10008.1.2.1.99"
SEARCHED = 4096
# Decoding takes a few bytes for each.
MOST_PIXELS = 1 << 26
# Outside any window.
FAR = 1 << 40


def is_dicom(content: bytes) -> bool:
    return content[MAGIC_AT : MAGIC_AT + len(MAGIC)] == MAGIC


class Pixels(NamedTuple):
    """The pixels of a DICOM file.

    Args:
        values: (h, w) in the modality's units, such as Hounsfield units; or (h, w, 3) uint8 RGB.
        limits: the values that are black and white, where the file has a window; else None.
        inverted: whether high values are dark (MONOCHROME1).
    """

    values: Array
    limits: tuple[float, float] | None = None
    inverted: bool = False


def pixels(content: bytes, apply_window: bool) -> Pixels:
    """The pixels of the first frame.

    Args:
        content: a DICOM file.
        apply_window: whether the file's own window is applied, where it has one: its centre and width, or its table.

    Raises:
        UnreadableError: it holds no image, is cut off, too large, or compressed in a way that nothing installed reads.
        UserError: pydicom is not installed.
    """
    try:
        import pydicom
        from pydicom.pixels import apply_modality_lut, apply_voi_lut, pixel_array
    except ImportError:
        raise UserError(
            "the images are DICOM files, and what reads them is not installed: pydicom, the extra 'dicom'.",
            "make dicom",
        ) from None
    if DEFLATED in content[:SEARCHED]:
        raise UnreadableError("it is a deflated DICOM file, which is not read")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about odd headers; what matters is an error below
        try:
            file = pydicom.dcmread(io.BytesIO(content))
            _require_size(file)
            values, kind = pixel_array(file, index=0), str(file.PhotometricInterpretation)
            if kind == "PALETTE COLOR":
                raise UnreadableError("its colours are those of a palette, which is not read")
            if values.ndim == 3:
                return Pixels(np.asarray(values, np.uint8))
            values = np.asarray(apply_modality_lut(values, file))
            limits = _limits(file) if apply_window else None
            values = values if limits is None else np.asarray(apply_voi_lut(values, file))
            return Pixels(values, limits, kind == "MONOCHROME1")
        except UnreadableError:
            raise
        except Exception as error:  # pydicom raises whatever a damaged file leads to
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise UnreadableError(f"it is a DICOM file that pydicom cannot read: {reason}") from None


def _limits(file: Any) -> tuple[float, float] | None:
    """The values that the file's own window makes of black and white; None where it has no window."""
    from pydicom.pixels import apply_voi_lut

    if "VOILUTSequence" in file:
        return 0.0, 2.0 ** int(file.VOILUTSequence[0].LUTDescriptor[2]) - 1
    if None in (file.get("WindowCenter"), file.get("WindowWidth")):
        return None
    ends = np.asarray(apply_voi_lut(np.array([[-FAR, FAR]]), file), np.float64)
    return float(ends.min()), float(ends.max())


def _require_size(file: Any) -> None:
    pixel_count = int(file.Rows) * int(file.Columns)
    if pixel_count > MOST_PIXELS:
        raise UnreadableError(f"it claims {file.Rows}×{file.Columns} pixels")
