"""An epoch of MiniVGGNet on images of CIFAR-10's size: fed from the cache by Batches, and from RAM by plain fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from common import jpeg_dataset, rounds, scratch, verdict

from harness import backend, networks
from harness.data import cache_build
from harness.data.image_cache import Images
from harness.data.images import Geometry

IMAGES, GEOMETRY, BATCH = 5120, Geometry(32, 32), 128


def main() -> None:
    print(f"  backend: {backend.start(seed=0)}")
    import keras

    from harness.data.batches import Batches

    with scratch() as name:
        folder = Path(name)
        dataset = jpeg_dataset(folder, IMAGES, 36, 48)
        images = cache_build.open_or_build(folder / "ours.h5", Images(GEOMETRY), dataset, 0).rows
        memory, labels = np.array(images), dataset.labels
        inputs = keras.Input(GEOMETRY.shape, dtype="uint8")
        core = networks.build("minivggnet", *GEOMETRY.shape, 10)
        model = keras.Model(inputs, core(keras.layers.Rescaling(1 / 255)(inputs)))
        model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=backend.compiles_well())
        batches = Batches(images, np.arange(IMAGES), labels, BATCH, seed=0)
        took = rounds(
            {
                "cache": lambda: model.fit(batches, shuffle=False, verbose=0),
                "RAM": lambda: model.fit(memory, labels, batch_size=BATCH, verbose=0),
            },
            times=5,
        )
        for what, seconds in took.items():
            print(f"  {what}: {seconds:.2f} s an epoch, {IMAGES / seconds:,.0f} images/s")
        verdict("seconds an epoch, cache over RAM", took["cache"] / took["RAM"], 1.05, at_least=False)


if __name__ == "__main__":
    main()
