"""Random batches of 128 images from the cache, from an array in RAM, and through h5py from row chunks."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
from common import jpeg_dataset, rounds, scratch, verdict

from harness.data.cache import build
from harness.data.cache.image_cache import ImageInput
from harness.data.images import Geometry

IMAGES, GEOMETRY, BATCH, BATCHES = 4000, Geometry(64, 64), 128, 20


def main() -> None:
    with scratch() as name:
        folder = Path(name)
        dataset = jpeg_dataset(folder, IMAGES, 72, 96)
        ours = build.open_or_build(folder / "ours.h5", ImageInput(GEOMETRY), dataset, 0).rows
        memory = np.array(ours)
        with h5py.File(folder / "chunks.h5", "w") as h5:
            h5.create_dataset("images", data=memory, chunks=(1, *GEOMETRY.shape))
        random = np.random.default_rng(0)
        batches = [random.permutation(IMAGES)[:BATCH] for _ in range(BATCHES)]

        def take(images) -> None:
            for rows in batches:
                images[rows]

        with h5py.File(folder / "chunks.h5") as h5:
            chunks = h5["images"]

            def h5py_rows() -> None:
                for rows in batches[:2]:
                    chunks[np.sort(rows)]  # h5py wants them in order

            took = rounds({"cache": lambda: take(ours), "RAM": lambda: take(memory), "h5py": h5py_rows}, times=7)
        took["h5py"] *= BATCHES / 2
        for what, seconds in took.items():
            print(f"  {what}: {BATCHES * BATCH / seconds:,.0f} rows/s")
        verdict("rows a second, cache over RAM", took["RAM"] / took["cache"], 0.8)
        verdict("rows a second, cache over h5py on row chunks", took["h5py"] / took["cache"], 20)


if __name__ == "__main__":
    main()
