"""A model soup on one fold: the average of several trainings' weights, where it predicts better than each."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness import backend
from harness.console import say
from harness.ensembles.crossfit import five_parts
from harness.ensembles.soup import choose, cross_fitted
from harness.errors import UserError
from harness.files import write_json
from harness.metrics import METRICS
from harness.training.checkpoint import Store, restore
from harness.training.predict import predict

if TYPE_CHECKING:
    import keras

    from harness.recipes.recipe import Fold
    from harness.recipes.trained import Trained
    from harness.training.feed import Feed
    from harness.training.model import Models

Array = np.ndarray

# Training images by which batch norms' statistics are measured anew.
MEASURED = 4096


def fit(recipe: Trained, fold: Fold, members: dict[str, Path], groups: Array) -> Array:
    """Choose whose weights to average on ``fold.validation``; predict ``fold.predicted()``: (rows, classes) float32.

    The validation rows' predictions are cross-fitted: each row's are of an average chosen on other rows. What was
    tried is kept in ``soup.json``.

    Args:
        recipe: the members' network, and how it is asked.
        members: their folders of this fold, by name.
        groups: (n,) rows of one group are copies.

    Raises:
        UserError: a member has no checkpoint.
    """
    backend.start(fold.seed)
    from harness.data.batches import Batches
    from harness.training.feed import Feed
    from harness.training.model import build, compile_trainer

    cache, rows = recipe.cache(fold), fold.limited(recipe.limit)
    models = build(recipe, fold, cache, rows)
    compile_trainer(models, recipe, recipe.learning_rate)
    kept = {name: _trained(folder, recipe, models) for name, folder in members.items()}
    images = Feed(Batches(cache.images, rows, fold.labels, recipe.batch, seed=fold.seed))
    restart = _random_state(models.trainer)

    def become(taken: tuple[str, ...]) -> None:
        models.network.set_weights(mean([kept[name] for name in taken]))
        if len(taken) > 1:
            restart()
            measure_norms(models, images)

    @functools.cache
    def validated(taken: tuple[str, ...]) -> Array:
        become(taken)
        return predict(recipe, dataclasses.replace(fold, holdout=rows[:0], test=rows[:0]), models.network)

    names, labels = tuple(members), fold.labels[fold.validation]
    chosen = choose(names, validated, labels)
    honest = cross_fitted(names, validated, labels, five_parts(labels, groups[fold.validation]))
    honest_loss = METRICS["log_loss"].score(labels, honest)
    record = {
        "rows": len(labels),
        "members": chosen.members,
        "tried": [{"members": who, "log_loss": loss, "kept": taken} for who, loss, taken in chosen.tried],
        "taken": chosen.taken,
        "log_loss_in_sample": chosen.log_loss,
        "log_loss_cross_fitted": honest_loss,
    }
    write_json(fold.folder / "soup.json", record)
    best, loss = next(iter(chosen.members.items()))
    say(
        f"{fold.title}: the weights of {', '.join(chosen.taken)} averaged, of {len(names)} members; log loss "
        f"{chosen.log_loss:.4f} on the rows they were chosen on, {honest_loss:.4f} cross-fitted; {best} alone "
        f"{loss:.4f}."
    )
    become(chosen.taken)
    found = predict(recipe, fold, models.network)
    found[: len(labels)] = honest
    return found


def mean(weights: list[list[Array]]) -> list[Array]:
    """The average of networks' weights, array by array; of equal ones, it is theirs."""
    return [np.mean(arrays, axis=0, dtype=np.float64).astype(arrays[0].dtype) for arrays in zip(*weights, strict=True)]


def measure_norms(models: Models, images: Feed) -> None:
    """Measure the statistics of batch norms anew on training images, as training sees them.

    Averaged weights give other activations than those the averaged statistics are of. Norms that are frozen stay.

    Source: Izmailov et al., Averaging Weights Leads to Wider Optima (2018).
    """
    import keras

    norms = [one for one in _layers(models.network) if isinstance(one, keras.layers.BatchNormalization)]
    momenta = [norm.momentum for norm in norms]
    if not any(norm.trainable for norm in norms):
        return
    batches = images.batches
    for number in range(max(1, min(MEASURED, len(batches.rows)) // batches.batch)):  # whole ones
        for norm in norms:
            norm.momentum = number / (number + 1)  # all batches count alike
        models.trainer(images[number][0], training=True)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def _layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        yield from _layers(layer) if hasattr(layer, "layers") else (layer,)


def _trained(folder: Path, recipe: Trained, models: Models) -> list[Array]:
    """The weights that a finished training predicts with."""
    found = Store(folder / "checkpoints").latest()
    if found is None:
        raise UserError(
            f"there is no checkpoint in {folder / 'checkpoints'}, whose weights were to be averaged.",
            f"remove {folder.parent}, and run the same command: it is trained again",
        )
    restore(found[0], models.trainer)
    if recipe.ema:
        models.trainer.optimizer.finalize_variable_values(models.trainer.trainable_variables)
    return models.network.get_weights()


def _random_state(trainer: keras.Model):
    """What sets a model's random numbers back to where they are now, so that equal weights are measured equally."""
    weights = {id(weight) for weight in trainer.weights}
    state = [(one, np.array(one)) for one in trainer.variables if id(one) not in weights]

    def restart() -> None:
        for variable, value in state:
            variable.assign(value)

    return restart
