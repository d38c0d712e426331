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

from harness.data.cache import build, cache
from harness.data.cache.image_cache import ImageInput
from harness.data.dataset import Dataset
from harness.data.images import Geometry, load

IMAGES = 800
# Photographs of Dogs vs Cats to what AlexNet is cut from; of the flowers to two usual sizes.
CASES = (((375, 500), Geometry(256, 256)), ((500, 667), Geometry(224, 224)), ((500, 667), Geometry(64, 64)))


def usual_script(folder: Path, dataset: Dataset, target: Geometry, file: Path) -> None:
    file.unlink(missing_ok=True)
    means = []
    with h5py.File(file, "w") as h5:
        images = h5.create_dataset("images", (len(dataset), *target.shape), dtype="float")
        for row, name in enumerate(dataset.sources):
            image = cv2.imread(str(folder / name))
            height, width = image.shape[:2]
            scale = max(target.height / height, target.width / width)
            image = cv2.resize(image, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
            top, left = (image.shape[0] - target.height) // 2, (image.shape[1] - target.width) // 2
            crop = image[top : top + target.height, left : left + target.width]
            images[row] = cv2.resize(crop, (target.width, target.height), interpolation=cv2.INTER_AREA)
            means.append(cv2.mean(crop)[:3])


def ours(dataset: Dataset, target: Geometry, file: Path) -> None:
    file.unlink(missing_ok=True)
    build.open_or_build(file, ImageInput(target), dataset, 0)


def decoding_alone(dataset: Dataset, target: Geometry) -> None:
    """Read, decode and resize on all cores; nothing is kept."""

    def some(rows: range) -> None:
        out = np.empty((len(rows), *target.shape), np.uint8)
        for i, row in enumerate(rows):
            out[i] = load(dataset.images.read(dataset.sources[row]), target)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(some, cache.blocks(len(dataset))))


def compare(side: tuple[int, int], target: Geometry) -> None:
    with scratch() as name:
        folder = Path(name)
        dataset = jpeg_dataset(folder, IMAGES, *side)
        theirs, mine = folder / "usual.h5", folder / "ours.h5"
        took = rounds(
            {
                "usual": lambda: usual_script(folder, dataset, target, theirs),
                "ours": lambda: ours(dataset, target, mine),
                "decoding": lambda: decoding_alone(dataset, target),
            }
        )
        print(f"  {side[0]}x{side[1]} to {target}")
        for what, seconds in took.items():
            print(f"  {what}: {IMAGES / seconds:,.0f} images/s")
        verdict("images a second, ours over the usual script's", took["usual"] / took["ours"], 3)
        verdict(
            "bytes, ours over the usual script's", mine.stat().st_size / theirs.stat().st_size, 1 / 7, at_least=False
        )
        verdict("images a second, ours over decoding alone", took["decoding"] / took["ours"], 0.85)


if __name__ == "__main__":
    for case in CASES:
        compare(*case)
