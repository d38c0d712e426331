"""Fitting one fold of a network: build, train from wherever it was left, predict over views."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from harness import backend
from harness.console import progress, say
from harness.files import whole, write_json
from harness.report.diagnosis import diagnosis
from harness.training.checkpoint import State, Store, restore
from harness.training.interrupts import Interrupts

if TYPE_CHECKING:
    import keras

    from harness.recipes.network import Network
    from harness.recipes.recipe import Fold

Array = np.ndarray

PREDICT_BATCH = 256


def fit(recipe: Network, fold: Fold) -> Array:
    """Train on ``fold.train``, stop by ``fold.validation``, predict ``fold.predicted()``: (rows, classes) float32.

    Training goes on from the furthest checkpoint in ``fold.folder``. A batch that does not fit into the device's
    memory is halved until it does.

    Raises:
        KeyboardInterrupt: after Ctrl-C; all that was done is kept.
    """
    batch = recipe.batch
    while True:
        try:
            network = train(recipe, fold, batch)
            break
        except Exception as error:
            if batch == 1 or not backend.out_of_memory(error):
                raise
            batch //= 2
        say(
            f"{fold.title}: a batch of {batch * 2} images does not fit into the device's memory; going on with {batch}."
        )
    return predict(recipe, fold, network)


def train(recipe: Network, fold: Fold, batch: int) -> keras.Model:
    """Train a network with at most so many images a step; give it with the weights to predict with."""
    backend.start(fold.seed)
    import keras

    from harness.data.batches import Batches
    from harness.training.callbacks import Curves, Keeper, Progress
    from harness.training.feed import Feed
    from harness.training.model import build, compile_models
    from harness.training.schedules import schedule

    cache, rows = recipe.cache(fold), fold.limited(recipe.limit)
    models, store, state = build(recipe, fold, cache, rows), Store(fold.folder / "checkpoints"), State()
    trainer = models.trainer
    found = store.latest()
    batch = min(batch, found[1].batch or batch) if found else batch
    steps = math.ceil(len(rows) / batch)
    compile_models(models, recipe, schedule(recipe, steps))

    with Interrupts() as interrupts:
        while not state.finished(recipe.epochs, recipe.patience, recipe.best):
            if found:
                file, state = found
                restore(file, trainer)
                # The same images may have been more steps, or fewer.
                state.step = state.step * (state.batch or batch) // batch
                trainer.optimizer.iterations.assign(state.epoch * steps + state.step)
                say(
                    f"{fold.title}: going on after epoch {state.epoch}"
                    + (f", step {state.step}." if state.step else ".")
                )
                if state.finished(recipe.epochs, recipe.patience, recipe.best):
                    break
            state.batch = batch
            images = Batches(cache.images, rows, fold.labels, batch, seed=fold.seed)
            validation = Batches(cache.images, fold.validation, fold.labels, PREDICT_BATCH)
            watching = [
                Curves(fold.folder, fold.title, state, state.step * batch / len(rows)),
                Keeper(
                    store,
                    state,
                    interrupts,
                    every=recipe.checkpoint,
                    epochs=recipe.epochs,
                    patience=recipe.patience,
                    best=recipe.best,
                    steps=steps,
                ),
                Progress(fold.title, len(rows), recipe.epochs, batch, state.epoch * len(rows) + state.step * batch),
            ]
            averaged = [keras.callbacks.SwapEMAWeights()] if recipe.ema else []
            trainer.fit(
                Feed(images, state.epoch, state.step),
                initial_epoch=state.epoch,
                # The rest of an epoch by itself: Keras takes all epochs to be equally long.
                epochs=state.epoch + 1 if state.step else recipe.epochs,
                validation_data=Feed(validation),
                shuffle=False,  # the batches shuffle themselves
                verbose=0,
                callbacks=averaged + watching,
            )
            found = store.latest()

    best = None if recipe.best == "last" else store.best(state, recipe.best)
    if best is not None:
        restore(best, trainer)
    if recipe.ema:
        trainer.optimizer.finalize_variable_values(trainer.trainable_variables)
    words = diagnosis(state.history, len(fold.classes))
    for line in words:
        say(f"{fold.title}: {line}")
    record = {
        "batch": batch,
        "batch_asked_for": recipe.batch,
        "epochs": state.epoch,
        "weights_of_epoch": state.epoch if best is None else state.best(recipe.best),
        "parameters": models.network.count_params(),
        "diagnosis": words,
    }
    write_json(fold.folder / "training.json", record)
    return models.network


def predict(recipe: Network, fold: Fold, network: keras.Model) -> Array:
    """Average a network's probabilities over the recipe's views of ``fold.predicted()``.

    What each view gives for the validation rows is kept in ``views.npz``, to tell what views are worth.
    """
    from harness.data.views import views

    images = recipe.cache(fold).images
    rows, looks = fold.predicted(), views(recipe.views, fold.mirror)
    total = np.zeros((len(rows), len(fold.classes)), np.float64)
    validated = np.zeros((len(looks), len(fold.validation), len(fold.classes)), np.float32)
    with progress(
        f"{fold.title}, predicting {len(looks)} view{'s' * (len(looks) > 1)}", len(rows) * len(looks), "img"
    ) as bar:
        for start in range(0, len(rows), 8 * PREDICT_BATCH):
            part = slice(start, start + 8 * PREDICT_BATCH)
            images_of_part = images[rows[part]]
            for number, view in enumerate(looks):
                seen = view.of(images_of_part, *recipe.input_size, recipe.pad)
                found = network.predict(seen, batch_size=PREDICT_BATCH, verbose=0)
                total[part] += found
                kept = validated[number, part]  # validation rows come first
                kept[:] = found[: len(kept)]
                bar.update(len(seen))
    if len(looks) > 1:
        with whole(fold.folder / "views.npz") as temporary:
            names = np.array([view.name for view in looks])
            np.savez(temporary, names=names, rows=fold.validation, probabilities=validated)
    return (total / len(looks)).astype(np.float32)
