"""Pictures side by side in one PNG."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from harness.files import whole

Array = np.ndarray

GAP = 4  # pixels between pictures
SEEN = 96  # pixels: smaller pictures are enlarged to about this
ORIGINAL, GROUND = (230, 60, 30), (255, 255, 255)  # RGB: the frame of originals, and what is behind it all


def draw(pictures: Array, path: Path, columns: int) -> None:
    """Lay pictures out in rows, each image's first one framed.

    Args:
        pictures: (images, views, height, width, 3) uint8 RGB; the first view of each is the image as it is.
        path: the PNG, written whole.
        columns: pictures a row.
    """
    images, views, height, width, _ = pictures.shape
    scale = max(1, round(SEEN / height))
    tall, wide = height * scale + GAP, width * scale + GAP
    rows = -(-images * views // columns)
    sheet = np.full((rows * tall + GAP, columns * wide + GAP, 3), GROUND, np.uint8)
    for number, picture in enumerate(pictures.reshape(-1, height, width, 3)):
        top, left = number // columns * tall, number % columns * wide
        if number % views == 0:
            sheet[top : top + tall + GAP, left : left + wide + GAP] = ORIGINAL
        enlarged = picture.repeat(scale, axis=0).repeat(scale, axis=1)
        sheet[top + GAP : top + tall, left + GAP : left + wide] = enlarged
    _, content = cv2.imencode(".png", sheet[..., ::-1])
    with whole(path) as temporary:
        temporary.write_bytes(content.tobytes())
