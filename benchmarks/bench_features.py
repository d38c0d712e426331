"""From JPEG files to a feature cache with EfficientNet-Lite0, against the usual loop and against the engine alone.

The usual loop loads, resizes and preprocesses a batch, calls ``model.predict``, and appends.
"""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
from common import jpeg_dataset, rounds, scratch, verdict

from harness.data.cache.build import open_or_build
from harness.data.cache.image_cache import decoded
from harness.data.dataset import Dataset
from harness.data.images import Geometry
from harness.models import keras_backend
from harness.models.backbones import find
from harness.models.backbones.engine import engine
from harness.models.backbones.features import Features
from harness.models.inference import on_gpu

Array = np.ndarray

IMAGES, BATCH = 512, 32
CASES = ((375, 500), (200, 200))


def usual_loop(folder: Path, dataset: Dataset, model, side: int) -> Array:
    found = []
    for start in range(0, len(dataset), BATCH):
        images = []
        for name in dataset.sources[start : start + BATCH]:
            image = cv2.cvtColor(cv2.imread(str(folder / name)), cv2.COLOR_BGR2RGB)
            height, width = image.shape[:2]
            scale = side / min(height, width)
            image = cv2.resize(image, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
            top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
            images.append(image[top : top + side, left : left + side])
        found.append(model.predict(np.array(images, np.float32), verbose=0))
    return np.vstack(found)


def compare(height: int, width: int) -> None:
    backbone = find("efficientnet-lite0")
    with scratch() as name:
        folder = Path(name)
        dataset = jpeg_dataset(folder, IMAGES, height, width)
        images = decoded(dataset, np.arange(IMAGES), Geometry(backbone.side, backbone.side)).images
        model, alone = backbone.build(), engine(backbone)
        exact, reduced = Features(backbone.name), Features(backbone.name, precision="bfloat16")

        def extract(wanted: Features) -> Array:
            file = folder / f"{wanted}.h5"
            file.unlink(missing_ok=True)
            return open_or_build(file, wanted, dataset, 0).rows

        took = rounds(
            {
                "usual loop": lambda: usual_loop(folder, dataset, model, backbone.side),
                "extraction": lambda: extract(exact),
                f"engine alone, images in memory ({alone.name})": lambda: alone(images),
            }
        )
        # By itself, so that the engine of the other precision is not made anew in each round.
        took |= rounds({"extraction, bfloat16 asked for": lambda: extract(reduced)})
        print(f"  {IMAGES} JPEGs of {height}x{width}")
        for what, seconds in took.items():
            print(f"  {what}: {IMAGES / seconds:,.0f} images/s")
        usual, ours, engine_alone, lower = took.values()
        expected, found = model.predict(images, verbose=0), extract(exact)
        difference = np.linalg.norm(found - expected) / np.linalg.norm(expected)
        verdict("images a second, extraction over the usual loop", usual / ours, 2)
        verdict("relative difference of features to Keras's on the same pixels", difference, 1e-4, at_least=False)
        verdict("images a second, extraction over the engine alone", engine_alone / ours, 0.85)
        print(f"  reduced precision runs as: {engine(backbone, precision='bfloat16').name}")
        verdict("images a second, extraction in reduced precision over the usual loop", usual / lower, 3)


def main() -> None:
    print(f"  backend: {keras_backend.start(seed=0)}, {os.cpu_count()} CPU cores, {'a' if on_gpu() else 'no'} GPU")
    for case in CASES:
        compare(*case)


if __name__ == "__main__":
    main()
