"""An epoch of each network: trained by the harness from its cache, and by plain ``Model.fit`` from RAM."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from common import jpeg_dataset, rounds, scratch, verdict

from harness import backend, networks
from harness.data import cache_build
from harness.data.image_cache import Images
from harness.data.images import Geometry

# Side and images: enough for a second or more of each, little enough for them all to take minutes on two cores.
SIZES = {
    "minivggnet": (32, 5120),
    "minigooglenet": (32, 1024),
    "resnet": (32, 1024),
    "wideresnet": (32, 512),
    "deepergooglenet": (64, 512),
    "alexnet": (227, 128),
}
BATCH = 64


def main(chosen: list[str]) -> None:
    print(f"  backend: {backend.start(seed=0)}")
    for name in chosen or networks.NETWORKS:
        side, count = SIZES[name]
        compare(name, Geometry(side, side), count)


def compare(name: str, geometry: Geometry, count: int) -> None:
    import keras

    from harness.data.batches import Batches
    from harness.training.feed import Feed
    from harness.training.objective import Objective

    backend.start(seed=0)
    with scratch() as folder:
        dataset = jpeg_dataset(Path(folder), count, geometry.height, geometry.width + 8)
        images = cache_build.open_or_build(Path(folder) / "ours.h5", Images(geometry), dataset, 0).rows
        memory, labels = np.array(images), dataset.labels
        pixels = keras.Input(geometry.shape, dtype="uint8", name="images")
        core = networks.build(name, *geometry.shape, 10)
        probabilities = core(keras.layers.Rescaling(1 / 255)(pixels))
        # Both train the same weights: plainly, and as the harness does, labels and loss inside the model.
        plain = keras.Model(pixels, probabilities)
        plain.compile("sgd", "sparse_categorical_crossentropy", jit_compile=backend.compiles_well())
        numbers = keras.Input((), dtype="int32", name="labels")
        one_hot = keras.ops.one_hot(numbers, 10, dtype="float32")
        ours = keras.Model({"images": pixels, "labels": numbers}, Objective()([probabilities, one_hot]))
        ours.compile("sgd", jit_compile=backend.compiles_well())
        feed = Feed(Batches(images, np.arange(count), labels, BATCH, seed=0))
        took = rounds(
            {
                "harness": lambda: ours.fit(feed, shuffle=False, verbose=0),
                "RAM": lambda: plain.fit(memory, labels, batch_size=BATCH, verbose=0),
            },
            times=5,
        )
    rates = ", ".join(f"{what} {count / seconds:,.0f} images/s" for what, seconds in took.items())
    verdict(f"{name}: {rates}; seconds an epoch, harness over RAM", took["harness"] / took["RAM"], 1.05, at_least=False)


if __name__ == "__main__":
    main(sys.argv[1:])
