"""Training a network on one fold: from the start or the latest checkpoint, to the weights to predict with."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.data.fold import Fold
from harness.models import keras_backend
from harness.training import kept
from harness.training.checkpoint import CheckpointStore, TrainingState, restore
from harness.training.diagnosis import diagnosis
from harness.training.interrupts import Interrupts
from harness.training.predict import PREDICT_BATCH, predict
from harness.training.replicas import filled_up, replicated
from harness.training.settings import TrainingSettings
from harness.utils.console import say
from harness.utils.files import write_json

if TYPE_CHECKING:
    import keras

    from harness.data.batches import Batches
    from harness.data.cache.rows import Rows
    from harness.training.model import Models

Array = np.ndarray

# What is measured each epoch, of one kind of targets or another.
MEASURED = ("log_loss", "accuracy", "squared_error", "absolute_error")
# Which epoch's weights are kept, by ``monitor``.
KEPT_BY = {
    "loss": "the one with the lowest loss",
    "accuracy": "the one with the highest accuracy",
    "last": "the last one",
}


def fit(settings: TrainingSettings, fold: Fold, start: list[Array] | None = None) -> Array:
    """Train on ``fold.train``, stop early on ``fold.validation``, and predict ``fold.predicted()``.

    Args:
        settings: how to train and how to predict.
        fold: the rows, and the folder for curves and checkpoints.
        start: initial weights, in place of the network's own.

    Returns:
        (rows, classes) float32 probabilities.

    Raises:
        KeyboardInterrupt: after Ctrl-C; everything done so far is saved.
    """
    network = train(settings, fold, start)
    kept.write(network, fold.folder)
    if settings.replicas > 1:
        network = kept.read(fold)  # on one device, where batches of any size can be predicted
    return predict(settings, fold, network)


def train(settings: TrainingSettings, fold: Fold, start: list[Array] | None = None) -> keras.Model:
    """Train a network, resuming from the latest checkpoint in ``fold.folder``; return it with its final weights.

    If a batch does not fit into the device's memory, the batch size is halved until it does.
    """
    batch_size, devices = settings.batch_size, settings.replicas
    while True:
        smaller = batch_size // 2 // devices * devices
        try:
            return _train(settings, fold, batch_size, start)
        except Exception as error:
            if not smaller or not keras_backend.out_of_memory(error):
                raise
        say(
            f"{fold.title}: a batch of {batch_size} images does not fit into the device's memory; continuing with "
            f"{smaller}."
        )
        batch_size = smaller


def _train(settings: TrainingSettings, fold: Fold, batch_size: int, start: list[Array] | None) -> keras.Model:
    keras_backend.start(fold.seed)
    with replicated(settings.replicas):
        return _train_on_devices(settings, fold, batch_size, start)


def _train_on_devices(
    settings: TrainingSettings, fold: Fold, batch_size: int, start: list[Array] | None
) -> keras.Model:
    from harness.training.augmentation_preview import keep
    from harness.training.model import build, compile_trainer
    from harness.training.schedules import schedule

    store = CheckpointStore(fold.folder / "checkpoints")
    if settings.replicas > 1:  # a fold of fewer rows than a batch has them shared too
        batch_size = min(batch_size, len(fold.train) // settings.replicas * settings.replicas)
    keep(settings, fold)
    models = build(settings, fold)
    checkpoint = store.latest()
    if start is not None and not checkpoint:
        models.network.set_weights(start)
    if checkpoint:
        batch_size = min(batch_size, checkpoint[1].batch_size or batch_size)
    epochs_left = settings.epochs - (checkpoint[1].epoch if checkpoint else 0)
    training = _Training(settings, fold, models, store, batch_size)
    compile_trainer(models, settings, schedule(settings, training.steps), settings.epochs * training.steps)
    store.warn_of_room(models.trainer, epochs_left // settings.checkpoint)

    state = training.run_epochs(checkpoint)
    weights_epoch = training.restore_final_weights(state)
    if settings.lookahead:
        training.measure_norms()
    _record(settings, fold, models, state, weights_epoch)
    return models.network


@dataclass(frozen=True)
class _Training:
    """One training run of one fold, at a fixed batch size.

    Args:
        settings: how to train.
        fold: the rows.
        models: the network and its trainer, which is compiled.
        store: where checkpoints are kept.
        batch_size: images per step.
    """

    settings: TrainingSettings
    fold: Fold
    models: Models
    store: CheckpointStore
    batch_size: int

    @property
    def steps(self) -> int:
        """Steps per epoch."""
        return math.ceil(len(self.fold.train) / self.batch_size)

    @property
    def images(self) -> Rows:
        return self.settings.cache(self.fold).images

    def run_epochs(self, checkpoint: tuple[Path, TrainingState] | None) -> TrainingState:
        """Train from a checkpoint, or from the start, until all epochs are done or the patience has run out."""
        state = TrainingState(batch_size=self.batch_size)
        with Interrupts() as interrupts:
            while not state.finished(self.settings):
                if checkpoint:
                    file, state = checkpoint
                    self._resume(file, state)
                    if state.finished(self.settings):
                        break
                self._fit_from(state, interrupts)
                checkpoint = self.store.latest()
        return state

    def restore_final_weights(self, state: TrainingState) -> int:
        """Load the weights to predict with into the network; return their epoch."""
        settings, trainer = self.settings, self.models.trainer
        best = None if settings.monitor == "last" else self.store.best(state, settings.monitor)
        if best is not None:
            restore(best, trainer)
        if settings.ema:
            trainer.optimizer.finalize_variable_values(trainer.trainable_variables)
        return state.epoch if best is None else state.best(settings.monitor)

    def measure_norms(self) -> None:
        """Fit the batch norms' statistics to the slow weights, which lookahead ends on.

        They were gathered with the fast ones. Jordan's code averages them along with the weights, which Keras's
        optimizers do not see on JAX; measuring them does as well.
        """
        from harness.training.norms import measure_norms
        from harness.training.training_sequence import TrainingSequence

        measure_norms(self.models, TrainingSequence(self._train_batches()))

    def _resume(self, file: Path, state: TrainingState) -> None:
        """Load a checkpoint into the model, and convert its state to this run's batch size."""
        trainer, batch_size = self.models.trainer, self.batch_size
        restore(file, trainer)
        # With another batch size, the same images are a different number of steps.
        state.step = state.step * (state.batch_size or batch_size) // batch_size
        state.batch_size = batch_size
        trainer.optimizer.iterations.assign(state.epoch * self.steps + state.step)
        say(f"{self.fold.title}: resuming after epoch {state.epoch}" + (f", step {state.step}." if state.step else "."))

    def _fit_from(self, state: TrainingState, interrupts: Interrupts) -> None:
        """Call Keras's ``fit`` once: for the rest of an epoch that was interrupted, else for all remaining epochs."""
        from harness.data.batches import Batches
        from harness.training.callbacks import AsyncCallbackList
        from harness.training.training_sequence import TrainingSequence

        fold, trainer, devices = self.fold, self.models.trainer, self.settings.replicas
        validated = filled_up(fold.validation, devices)
        validation_batches = Batches(self.images, validated, fold.labels, PREDICT_BATCH // devices * devices)
        trainer.fit(
            TrainingSequence(self._train_batches(), state.epoch, state.step),
            initial_epoch=state.epoch,
            # The rest of an epoch needs a call of its own, because Keras assumes that all epochs are equally long.
            epochs=state.epoch + 1 if state.step else self.settings.epochs,
            validation_data=TrainingSequence(validation_batches),
            shuffle=False,  # the batches shuffle themselves
            verbose=0,
            callbacks=AsyncCallbackList(self._callbacks(state, interrupts), trainer),
        )

    def _train_batches(self) -> Batches:
        from harness.data.batches import Batches

        fold, alternate = self.fold, self.settings.flip == "alternating"
        return Batches(self.images, fold.train, fold.labels, self.batch_size, fold.seed, alternate=alternate)

    def _callbacks(self, state: TrainingState, interrupts: Interrupts) -> list[keras.callbacks.Callback]:
        import keras

        from harness.training.callbacks import CheckpointCallback, CurvesCallback, Progress, Watched

        settings, fold, rows = self.settings, self.fold, len(self.fold.train)
        return [
            *([keras.callbacks.SwapEMAWeights()] if settings.ema else []),
            CurvesCallback(fold.folder, fold.title, state, state.step / self.steps),
            CheckpointCallback(self.store, state, interrupts, settings, self.steps),
            Progress(
                fold.title,
                rows,
                settings.epochs,
                self.batch_size,
                done=state.epoch * rows + state.step * self.batch_size,
                folds_left=fold.left,
            ),
            *([Watched(fold.watch, state)] if fold.watch else []),
        ]


def _record(settings: TrainingSettings, fold: Fold, models: Models, state: TrainingState, weights_epoch: int) -> None:
    """Write ``training.json``, and report the diagnosis and the scores."""
    # Each label is a choice of two.
    remarks = diagnosis(state.history, 2 if fold.targets.link == "sigmoid" else len(fold.classes))
    for remark in remarks:
        say(f"{fold.title}: {remark}")
    measured = [name for name in MEASURED if f"val_{name}" in state.history]
    scores = {name: state.history[f"val_{name}"][weights_epoch - 1] for name in measured}
    told = ", ".join(f"{name.replace('_', ' ')} {scores[name]:.4f}" for name in measured)
    ended, kept_by = state.why_it_ended(settings), KEPT_BY[settings.monitor]
    say(
        f"{fold.title}: ended after epoch {state.epoch}, for {ended}. Epoch {weights_epoch} is kept, {kept_by}: {told} "
        "on the validation part."
    )
    record = {
        "batch_size": state.batch_size,
        "batch_size_asked_for": settings.batch_size,
        "epochs": state.epoch,
        "seconds": state.seconds,
        "ended": ended,
        "weights_of_epoch": weights_epoch,
        "kept_by": kept_by,
        "validation": scores,
        "parameters": models.network.count_params(),
        "diagnosis": remarks,
    }
    if not math.isnan(state.cpu_seconds):
        record["cpu_seconds"] = state.cpu_seconds
    write_json(fold.folder / "training.json", record)
