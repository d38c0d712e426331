"""Building the image cache against the usual script, and against decoding alone.

The usual script is what is found around the web: one thread, one image after another, float64 in the file.
"""

from __future__ import annotations

import concurrent.futures
import os
from pathlib import Path

import cv2
import h5py
import numpy as np
from common import jpeg_dataset, rounds, scratch, verdict

from harness.data import cache, cache_build
from harness.data.dataset import Dataset
from harness.data.images import Geometry, load

IMAGES, SIDE, TARGET = 1200, (375, 500), Geometry(256, 256)


def usual_script(folder: Path, dataset: Dataset, file: Path) -> None:
    file.unlink(missing_ok=True)
    with h5py.File(file, "w") as h5:
        images = h5.create_dataset("images", (len(dataset), *TARGET.shape), dtype="float")
        for row, name in enumerate(dataset.sources):
            image = cv2.imread(str(folder / name))
            height, width = image.shape[:2]
            side = min(height, width)
            top, left = (height - side) // 2, (width - side) // 2
            crop = image[top : top + side, left : left + side]
            images[row] = cv2.resize(crop, (TARGET.width, TARGET.height), interpolation=cv2.INTER_AREA)


def ours(dataset: Dataset, file: Path) -> None:
    file.unlink(missing_ok=True)
    cache_build.open_or_build(file, TARGET, dataset, cache.key(TARGET, dataset), 0)


def decoding_alone(dataset: Dataset) -> None:
    """Read, decode and resize on all cores; nothing is kept."""

    def some(rows: range) -> None:
        out = np.empty((len(rows), *TARGET.shape), np.uint8)
        for i, row in enumerate(rows):
            out[i] = load(dataset.images.read(dataset.sources[row]), TARGET)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(some, cache.blocks(len(dataset))))


def main() -> None:
    with scratch() as name:
        folder = Path(name)
        dataset = jpeg_dataset(folder, IMAGES, *SIDE)
        theirs, mine = folder / "usual.h5", folder / "ours.h5"
        took = rounds(
            {
                "usual": lambda: usual_script(folder, dataset, theirs),
                "ours": lambda: ours(dataset, mine),
                "decoding": lambda: decoding_alone(dataset),
            }
        )
        for what, seconds in took.items():
            print(f"  {what}: {IMAGES / seconds:,.0f} images/s")
        verdict("images a second, ours over the usual script's", took["usual"] / took["ours"], 3)
        verdict(
            "bytes, ours over the usual script's", mine.stat().st_size / theirs.stat().st_size, 1 / 7, at_least=False
        )
        verdict("images a second, ours over decoding alone", took["decoding"] / took["ours"], 0.85)


if __name__ == "__main__":
    main()
