"""Which value is black and which is white in images of more than 8 bits."""

from __future__ import annotations

from typing import Literal

# The values that are black and white; or the range of the file's own integers, and a DICOM file's own window; or each
# image's own darkest and brightest value; or each image's 1st and 99th percentile.
Window = tuple[float, float] | Literal["file", "image", "percentiles"]
