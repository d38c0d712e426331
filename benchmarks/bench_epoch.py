"""An epoch of each network: trained by the harness from its cache, and by plain ``Model.fit`` from RAM.

The harness does what it does in each epoch of a run: batches out of the cache, the loss in the model, validation, its
scores, the bar. CurvesCallback and checkpoints, which come every ten seconds and every few epochs, are left out.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

import numpy as np
from common import jpeg_dataset, rounds, scratch, verdict

from harness.data.cache.build import open_or_build
from harness.data.cache.image_cache import ImageCache
from harness.data.fold import Fold
from harness.models import keras_backend, networks
from harness.recipes import Network

# Side and images: a second or more of each on two cores, little enough for them all to take minutes.
SIZES = {
    "airbench": (32, 256),
    "minivggnet": (32, 1024),
    "minigooglenet": (32, 128),
    "resnet": (32, 64),
    "wideresnet": (32, 64),
    "deepergooglenet": (64, 64),
    "alexnet": (227, 32),
}
BATCH = 32


def main(chosen: list[str]) -> None:
    print(f"  backend: {keras_backend.start(seed=0)}")
    for name in chosen or networks.NETWORKS:
        compare(name, *SIZES[name])


def compare(name: str, side: int, count: int) -> None:
    from harness.data.batches import Batches
    from harness.training.callbacks import AsyncCallbackList, Progress
    from harness.training.model import build, compile_trainer
    from harness.training.training_sequence import TrainingSequence

    waited = [0.0]  # seconds of each epoch until its batches were there

    class Timed(TrainingSequence):
        def __getitem__(self, index: int):
            started = time.perf_counter()
            found = super().__getitem__(index)
            waited[-1] += time.perf_counter() - started
            return found

        def on_epoch_end(self) -> None:
            super().on_epoch_end()
            waited.append(0.0)

    recipe = Network(network=name, size=(side, side), epochs=1, batch_size=BATCH, learning_rate=1e-3)
    with scratch() as folder:
        dataset = jpeg_dataset(Path(folder), count * 5 // 4, side, side + 8)
        cache = open_or_build(Path(folder) / "ours.h5", recipe.images, dataset, 0)
        rows, validated = np.split(np.arange(len(dataset)), [count])
        none = rows[:0]
        fold = Fold(name, rows, validated, none, none, dataset.labels, dataset.classes,
                    {recipe.images: cache}, False, 0, Path(folder) / "fold-1")  # fmt: skip
        memory, labels = np.array(cache.images), dataset.labels
        models = build(recipe, fold)
        compile_trainer(models, recipe, recipe.learning_rate, steps=recipe.epochs * -(-count // BATCH))
        feed = Timed(Batches(cache.images, rows, labels, BATCH, seed=0))
        validation = TrainingSequence(Batches(cache.images, validated, labels, BATCH))
        model = plain(recipe, len(dataset.classes), cache, rows)
        took = rounds(
            {
                "harness": lambda: models.trainer.fit(
                    feed, validation_data=validation, shuffle=False, verbose=0,
                    callbacks=AsyncCallbackList([Progress(name, count, 1, BATCH)], models.trainer),
                ),
                "RAM": lambda: model.fit(
                    memory[:count], labels[:count], batch_size=BATCH, verbose=0,
                    validation_data=(memory[count:], labels[count:]),
                ),
            },
            times=5,
        )  # fmt: skip
    told = ", ".join(f"{what} {each:.2f} s" for what, each in took.items())
    what = f"{name}, {count} images of {side}x{side} and their validation: {told}; harness over RAM"
    verdict(what, took["harness"] / took["RAM"], 1.05, at_least=False)
    share = statistics.median(waited[1:-1]) / took["harness"]
    verdict("the share of it in which the next batch is waited for", share, 0.05, at_least=False)


def plain(recipe: Network, classes: int, cache: ImageCache, rows: np.ndarray):
    """The recipe's network, compiled as Keras's guides do it."""
    import keras

    model = recipe.assemble(classes, cache, rows)
    model.compile(
        keras.optimizers.SGD(1e-3, momentum=0.9, nesterov=True),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=keras_backend.compiles_well(),
    )
    return model


if __name__ == "__main__":
    main(sys.argv[1:])
