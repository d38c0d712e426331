"""An epoch of each network: trained by the harness from its cache, and by plain ``Model.fit`` from RAM.

The harness does all that it does in a run: batches out of the cache, the loss in the model, validation, curves,
checkpoints. The two take turns, epoch by epoch.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

import numpy as np
from common import jpeg_dataset, scratch, verdict

from harness import backend, networks
from harness.data import cache_build
from harness.recipes import Network
from harness.recipes.recipe import Fold

# Side and images: a second or more of each on two cores, little enough for them all to take minutes.
SIZES = {
    "minivggnet": (64, 128),
    "minigooglenet": (32, 192),
    "resnet": (32, 192),
    "wideresnet": (32, 96),
    "deepergooglenet": (64, 128),
    "alexnet": (227, 64),
}
BATCH = 32
EPOCHS = 6  # the first of each contestant warms up


def main(chosen: list[str]) -> None:
    print(f"  backend: {backend.start(seed=0)}")
    for name in chosen or networks.NETWORKS:
        compare(name, *SIZES[name])


def compare(name: str, side: int, count: int) -> None:
    import keras

    from harness.training.fit import train

    recipe = Network(network=name, size=(side, side), epochs=EPOCHS, patience=EPOCHS, batch=BATCH, learning_rate=1e-3)
    with scratch() as folder:
        dataset = jpeg_dataset(Path(folder), count * 5 // 4, side, side + 8)
        cache = cache_build.open_or_build(Path(folder) / "ours.h5", recipe.images, dataset, 0)
        train_on, validate = np.split(np.arange(len(dataset)), [count])
        none = validate[:0]
        fold = Fold(name, train_on, validate, none, none, dataset.labels, dataset.classes,
                    {recipe.images: cache}, False, 0, Path(folder) / "fold-1")  # fmt: skip
        memory, labels = np.array(cache.images), dataset.labels
        took: dict[str, list[float]] = {"harness": [], "RAM": []}

        class Turns(keras.callbacks.Callback):
            """Before each epoch of the harness one of plain training, both timed."""

            def on_train_begin(self, logs: dict | None = None) -> None:
                self.plain = plain(recipe, len(dataset.classes), cache.mean(train_on), cache.deviation(train_on))
                self.started = 0.0

            def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
                self._stop()
                started = time.perf_counter()
                self.plain.fit(
                    memory[:count], labels[:count], batch_size=BATCH, verbose=0,
                    validation_data=(memory[count:], labels[count:]),
                )  # fmt: skip
                self.started = time.perf_counter()
                took["RAM"].append(self.started - started)

            def on_train_end(self, logs: dict | None = None) -> None:
                self._stop()

            def _stop(self) -> None:
                if self.started:
                    took["harness"].append(time.perf_counter() - self.started)

        really = keras.Model.fit

        def fit(self, *arguments, callbacks=(), **more):
            mine = [Turns(), *callbacks] if self.name == "trainer" else callbacks
            return really(self, *arguments, callbacks=mine, **more)

        keras.Model.fit = fit
        try:
            train(recipe, fold)
        finally:
            keras.Model.fit = really
    seconds = {what: statistics.median(times[1:]) for what, times in took.items()}
    told = ", ".join(f"{what} {each:.2f} s" for what, each in seconds.items())
    what = f"{name}, {count} images of {side}x{side} and their validation: {told}; harness over RAM"
    verdict(what, seconds["harness"] / seconds["RAM"], 1.05, at_least=False)


def plain(recipe: Network, classes: int, mean: np.ndarray, deviation: np.ndarray):
    """The recipe's network, compiled as Keras's guides do it."""
    import keras

    model = recipe.assemble(classes, mean, deviation)
    model.compile(
        keras.optimizers.SGD(1e-3, momentum=0.9, nesterov=True),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=backend.compiles_well(),
    )
    return model


if __name__ == "__main__":
    main(sys.argv[1:])
