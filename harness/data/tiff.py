"""What a TIFF's header says of its values."""

from __future__ import annotations

import io

from PIL.TiffImagePlugin import ImageFileDirectory_v2

from harness.data.image_sizes import BIG_TIFF

BITS_PER_SAMPLE, SAMPLE_FORMAT, UNSIGNED = 258, 339, 1


def depth(content: bytes) -> tuple[int, bool]:
    """The bits of each value of a TIFF's first image, and whether they are unsigned integers; 8 where it is damaged."""
    try:
        header = content[: 16 if content.startswith(BIG_TIFF) else 8]
        directory, stream = ImageFileDirectory_v2(header), io.BytesIO(content)
        stream.seek(directory.next)
        directory.load(stream)
        bits, kinds = directory.get(BITS_PER_SAMPLE, (1,)), directory.get(SAMPLE_FORMAT, (UNSIGNED,))
        return max(bits), set(kinds) == {UNSIGNED}
    except Exception:  # a damaged header: the decoder says so
        return 8, True
