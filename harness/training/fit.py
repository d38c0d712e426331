"""Training a network on one fold: from wherever it was left, to the weights to predict with."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from harness import backend
from harness.console import say
from harness.files import write_json
from harness.report.diagnosis import diagnosis
from harness.training.checkpoint import State, Store, restore
from harness.training.interrupts import Interrupts
from harness.training.predict import PREDICT_BATCH, predict

if TYPE_CHECKING:
    import keras

    from harness.recipes.recipe import Fold
    from harness.recipes.trained import Trained

Array = np.ndarray


def fit(recipe: Trained, fold: Fold, start: list[Array] | None = None) -> Array:
    """Train on ``fold.train``, stop by ``fold.validation``, predict ``fold.predicted()``: (rows, classes) float32.

    Args:
        start: weights to begin with, in place of the recipe's own.

    Raises:
        KeyboardInterrupt: after Ctrl-C; all that was done is kept.
    """
    return predict(recipe, fold, train(recipe, fold, start))


def train(recipe: Trained, fold: Fold, start: list[Array] | None = None) -> keras.Model:
    """Train a network, from the furthest checkpoint in ``fold.folder`` on; give it with the weights to predict with.

    A batch that does not fit into the device's memory is halved until it does.
    """
    batch = recipe.batch
    while True:
        try:
            return _train(recipe, fold, batch, start)
        except Exception as error:
            if batch == 1 or not backend.out_of_memory(error):
                raise
            batch //= 2
        say(
            f"{fold.title}: a batch of {batch * 2} images does not fit into the device's memory; going on with {batch}."
        )


def _train(recipe: Trained, fold: Fold, batch: int, start: list[Array] | None) -> keras.Model:
    backend.start(fold.seed)
    import keras

    from harness.data.batches import Batches
    from harness.training.callbacks import Curves, Keeper, Progress, Watching
    from harness.training.feed import Feed
    from harness.training.model import build, compile_trainer
    from harness.training.schedules import schedule
    from harness.training.sheet import keep

    cache, rows = recipe.cache(fold), fold.limited(recipe.limit)
    keep(recipe, fold, cache, rows)
    models, store, state = build(recipe, fold, cache, rows), Store(fold.folder / "checkpoints"), State()
    trainer = models.trainer
    found = store.latest()
    if start is not None and not found:
        models.network.set_weights(start)
    batch = min(batch, found[1].batch or batch) if found else batch
    steps = math.ceil(len(rows) / batch)
    epochs_left = recipe.epochs - (found[1].epoch if found else 0)
    compile_trainer(models, recipe, schedule(recipe, steps))
    store.warn_of_room(trainer, epochs_left // recipe.checkpoint)

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
                Curves(fold.folder, fold.title, state, state.step / steps),
                Keeper(
                    store,
                    state,
                    interrupts,
                    every=recipe.checkpoint,
                    cycle=recipe.cycle,
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
                callbacks=Watching(averaged + watching, trainer),
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
    used = state.epoch if best is None else state.best(recipe.best)
    scores = {name: state.history[f"val_{name}"][used - 1] for name in ("log_loss", "accuracy")}
    say(
        f"{fold.title}: the weights of epoch {used} have accuracy {scores['accuracy']:.4f} and log loss "
        f"{scores['log_loss']:.4f} on the validation part."
    )
    record = {
        "batch": batch,
        "batch_asked_for": recipe.batch,
        "epochs": state.epoch,
        "seconds": state.seconds,
        "weights_of_epoch": used,
        "validation": scores,
        "parameters": models.network.count_params(),
        "diagnosis": words,
    }
    write_json(fold.folder / "training.json", record)
    return models.network
