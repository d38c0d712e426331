"""A grid of pictures in one PNG."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from harness.utils.files import whole

Array = np.ndarray

GAP = 4  # pixels between pictures
SEEN = 96  # pixels: smaller pictures are enlarged to about this height
ORIGINAL, GROUND = (230, 60, 30), (255, 255, 255)  # RGB: the frame of originals, and the background


def draw(pictures: Array, path: Path, columns: int) -> None:
    """Draw pictures in a grid, with a frame around the first view of each image.

    Args:
        pictures: (images, views, height, width, 3) uint8 RGB; the first view of each image is the original.
        path: the PNG file, written atomically.
        columns: pictures per row.
    """
    images, views, height, width, _ = pictures.shape
    scale = max(1, round(SEEN / height))
    cell_height, cell_width = height * scale + GAP, width * scale + GAP
    rows = -(-images * views // columns)
    sheet = np.full((rows * cell_height + GAP, columns * cell_width + GAP, 3), GROUND, np.uint8)
    for number, picture in enumerate(pictures.reshape(-1, height, width, 3)):
        top, left = number // columns * cell_height, number % columns * cell_width
        if number % views == 0:
            sheet[top : top + cell_height + GAP, left : left + cell_width + GAP] = ORIGINAL
        enlarged = picture.repeat(scale, axis=0).repeat(scale, axis=1)
        sheet[top + GAP : top + cell_height, left + GAP : left + cell_width] = enlarged
    _, content = cv2.imencode(".png", sheet[..., ::-1])
    with whole(path) as temporary:
        temporary.write_bytes(content.tobytes())
