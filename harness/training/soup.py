"""A model soup on one fold: the average of the weights of several trained networks, where it predicts better."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.ensembles.crossfit import five_parts
from harness.ensembles.soup import Choice, choose, cross_fitted
from harness.models import keras_backend
from harness.scoring.metrics import METRICS
from harness.training import kept
from harness.training.checkpoint import CheckpointStore, restore
from harness.training.norms import measure_norms
from harness.training.predict import predict
from harness.utils.console import say
from harness.utils.errors import UserError
from harness.utils.files import write_json

if TYPE_CHECKING:
    import keras

    from harness.data.fold import Fold
    from harness.training.model import Models
    from harness.training.settings import TrainingSettings

Array = np.ndarray


def fit(settings: TrainingSettings, fold: Fold, members: dict[str, Path], groups: Array) -> Array:
    """Choose on ``fold.validation`` which members' weights to average, and predict ``fold.predicted()``.

    The predictions for the validation rows are cross-fitted: each row is predicted by an average that was chosen on
    other rows. All averages that were tried are written to ``soup.json``.

    Args:
        settings: the members' settings.
        fold: the rows.
        members: the members' folders of this fold, by name.
        groups: (n,) group numbers; rows of one group are copies of each other.

    Returns:
        (rows, classes) float32 probabilities.

    Raises:
        UserError: a member has no checkpoint.
    """
    averager = _Averager(settings, fold, members)
    names, labels = tuple(members), fold.labels[fold.validation]
    loss, parts = fold.targets.loss, five_parts(fold.targets.strata(labels), groups[fold.validation])
    choice = choose(names, averager.validation_probabilities, labels, loss)
    cross_fitted_probabilities = cross_fitted(names, averager.validation_probabilities, labels, parts, loss)
    _record(fold, choice, labels, METRICS[loss].score(labels, cross_fitted_probabilities))
    averager.use(choice.taken)
    kept.write(averager.models.network, fold.folder)
    probabilities = predict(settings, fold, averager.models.network)
    probabilities[: len(labels)] = cross_fitted_probabilities
    return probabilities


class _Averager:
    """A network that can load the average of any members' weights."""

    def __init__(self, settings: TrainingSettings, fold: Fold, members: dict[str, Path]) -> None:
        keras_backend.start(fold.seed)
        from harness.data.batches import Batches
        from harness.training.model import build, compile_trainer
        from harness.training.training_sequence import TrainingSequence

        self.settings = settings
        no_rows = fold.train[:0]
        self.validation = dataclasses.replace(fold, holdout=no_rows, test=no_rows)
        self.models = build(settings, fold)
        compile_trainer(self.models, settings, settings.learning_rate, steps=1)  # nothing is trained
        self.weights = {name: _trained(folder, settings, self.models) for name, folder in members.items()}
        self.images = TrainingSequence(
            Batches(settings.cache(fold).images, fold.train, fold.labels, settings.batch_size, seed=fold.seed)
        )
        self.restart = _random_state(self.models.trainer)
        self._predictions: dict[tuple[str, ...], Array] = {}

    def use(self, names: tuple[str, ...]) -> None:
        """Load the average of these members' weights."""
        self.models.network.set_weights(mean([self.weights[name] for name in names]))
        if len(names) > 1:
            self.restart()
            measure_norms(self.models, self.images)

    def validation_probabilities(self, names: tuple[str, ...]) -> Array:
        """The probabilities of these members' average for the validation rows: (rows, classes)."""
        if names not in self._predictions:
            self.use(names)
            self._predictions[names] = predict(self.settings, self.validation, self.models.network)
        return self._predictions[names]


def _record(fold: Fold, choice: Choice, labels: Array, cross_fitted_loss: float) -> None:
    """Write ``soup.json``, and report the choice."""
    record = {
        "rows": len(labels),
        "members": choice.members,
        "tried": [{"members": names, "log_loss": loss, "kept": kept} for names, loss, kept in choice.tried],
        "taken": choice.taken,
        "log_loss_in_sample": choice.log_loss,
        "log_loss_cross_fitted": cross_fitted_loss,
    }
    write_json(fold.folder / "soup.json", record)
    best, loss = next(iter(choice.members.items()))
    say(
        f"{fold.title}: averaged the weights of {', '.join(choice.taken)} out of {len(choice.members)} members. Log "
        f"loss {choice.log_loss:.4f} on the rows used to choose them, {cross_fitted_loss:.4f} cross-fitted, "
        f"{loss:.4f} for {best} alone."
    )


def mean(weights: list[list[Array]]) -> list[Array]:
    """The average of several networks' weights, array by array."""
    return [np.mean(arrays, axis=0, dtype=np.float64).astype(arrays[0].dtype) for arrays in zip(*weights, strict=True)]


def _trained(folder: Path, settings: TrainingSettings, models: Models) -> list[Array]:
    """The final weights of a member's finished training."""
    checkpoint = CheckpointStore(folder / "checkpoints").latest()
    if checkpoint is None:
        raise UserError(
            f"there is no checkpoint in {folder / 'checkpoints'}, so its weights cannot be averaged.",
            f"remove {folder.parent} and run the same command again: the member is then retrained",
        )
    restore(checkpoint[0], models.trainer)
    if settings.ema:
        models.trainer.optimizer.finalize_variable_values(models.trainer.trainable_variables)
    return models.network.get_weights()


def _random_state(trainer: keras.Model):
    """A function that resets a model's random state to the current one, so that equal weights get equal statistics."""
    weight_ids = {id(weight) for weight in trainer.weights}
    state = [(variable, np.array(variable)) for variable in trainer.variables if id(variable) not in weight_ids]

    def restart() -> None:
        for variable, value in state:
            variable.assign(value)

    return restart
