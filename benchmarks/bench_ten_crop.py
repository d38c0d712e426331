"""Ten-crop with MiniVGGNet: all views of a batch at once, against the usual loop, and against plain prediction.

The usual loop cuts one image's ten crops at a time, calls ``model.predict`` on them, and takes the mean.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from common import jpeg_dataset, rounds, scratch, verdict

from harness.data.cache import build
from harness.ensembles.combine import equal
from harness.models import keras_backend
from harness.recipes.network import Network
from harness.training.predict import engine
from harness.tta.views import VIEWS, Drawn, View

Array = np.ndarray

IMAGES, FEW, CLASSES = 180, 12, 10
RECIPE = Network(network="minivggnet", size=(36, 36), crop=(32, 32), epochs=1, learning_rate=0.1)


def usual_loop(model, images: Array) -> Array:
    found = []
    for image in images:
        crops = [image[y : y + 32, x : x + 32] for y, x in ((0, 0), (0, 4), (4, 0), (4, 4), (2, 2))]
        crops += [crop[:, ::-1] for crop in crops]
        found.append(model.predict(np.array(crops, np.float32), verbose=0).mean(axis=0))
    return np.array(found)


def ours(model, images: Array, looks: tuple[View | Drawn, ...]):
    run = engine(RECIPE, model, looks, len(images), "MiniVGGNet")

    def predict() -> Array:
        found = [run(images[start : start + run.batch_size]) for start in range(0, len(images), run.batch_size)]
        return equal(np.concatenate(found).reshape(len(images), len(looks), CLASSES).swapaxes(0, 1), "probabilities")

    return predict


def main() -> None:
    print(f"  backend: {keras_backend.start(seed=0)}, {os.cpu_count()} CPU cores")
    with scratch() as folder:
        dataset = jpeg_dataset(Path(folder), IMAGES, 36, 44)
        cache = build.open_or_build(Path(folder) / "ours.h5", RECIPE.images, dataset, 0)
        images, network = np.array(cache.images), RECIPE.assemble(CLASSES, cache, np.arange(IMAGES))
    network.compile(jit_compile=keras_backend.compiles_well())
    ten, plain = ours(network, images, VIEWS["ten_crop"]), ours(network, images, VIEWS["centre"])
    np.testing.assert_allclose(ten()[:FEW], usual_loop(network, images[:FEW]), rtol=1e-4, atol=1e-6)
    seconds = rounds({"ten": ten, "plain": plain, "usual": lambda: usual_loop(network, images[:FEW])})
    each = {name: 1000 * took / (FEW if name == "usual" else IMAGES) for name, took in seconds.items()}
    print(f"  an image's ten views: {each['ten']:.1f} ms, in the usual loop {each['usual']:.1f} ms")
    print(f"  its one view: {each['plain']:.2f} ms")
    verdict("times as fast as the usual loop", each["usual"] / each["ten"], 10)
    verdict("times the cost of plain prediction", each["ten"] / each["plain"], 10.5, at_least=False)


if __name__ == "__main__":
    main()
