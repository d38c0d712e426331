"""What a TIFF's header says of its values."""

from __future__ import annotations

import io

from PIL.TiffImagePlugin import ImageFileDirectory_v2

BIG_TIFF = (b"II\x2b\x00", b"MM\x00\x2b")
BITS_PER_SAMPLE, SAMPLE_FORMAT, UNSIGNED = 258, 339, 1


def first_directory(content: bytes) -> ImageFileDirectory_v2:
    """What a TIFF says of its first image, by the number of the tag; a damaged one may raise anything."""
    directory, stream = ImageFileDirectory_v2(content[: 16 if content.startswith(BIG_TIFF) else 8]), io.BytesIO(content)
    stream.seek(directory.next)
    directory.load(stream)
    return directory


def depth(content: bytes) -> tuple[int, bool]:
    """The bits of each value of a TIFF's first image, and whether they are unsigned integers; 8 where it is damaged."""
    try:
        directory = first_directory(content)
        bits, kinds = directory.get(BITS_PER_SAMPLE, (1,)), directory.get(SAMPLE_FORMAT, (UNSIGNED,))
        return max(bits), set(kinds) == {UNSIGNED}
    except Exception:  # a damaged header: the decoder says so
        return 8, True
