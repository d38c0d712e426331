"""Keras callbacks for a training run: learning curves, a line of progress with the time left, and checkpoints."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import keras

from harness.training.checkpoint import CheckpointStore, TrainingState
from harness.training.curves import plot
from harness.training.interrupts import Interrupts
from harness.training.settings import TrainingSettings
from harness.utils.console import pace, progress, rate_words, seconds
from harness.utils.files import write_json
from harness.utils.stopwatch import Stopwatch, Took

# Drawing a plot takes a tenth of a second or more; an epoch can be shorter.
SECONDS_BETWEEN_PLOTS = 10.0
AHEAD = 2  # steps that the host may be ahead of the device


class AsyncCallbackList(keras.callbacks.CallbackList):
    """A callback list that does not block the device: the next steps run while the callbacks work.

    Keras's own list converts each step's scores to numbers, which waits for that step. On a GPU the device is then idle
    until the host has started the next step. Here callbacks receive the scores as device values. Only the scores from
    ``AHEAD`` steps earlier are waited for, so that batches do not pile up on the device.

    Args:
        callbacks: the callbacks, in the order in which they are called.
        model: the model that is trained.
    """

    def __init__(self, callbacks: list[keras.callbacks.Callback], model: keras.Model) -> None:
        super().__init__(callbacks, add_history=True, model=model)
        self._running: deque[dict] = deque()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        for callback in self.callbacks:
            callback.on_train_batch_end(batch, logs)
        self._running.append(logs or {})
        if len(self._running) > AHEAD:
            for value in self._running.popleft().values():
                float(value)

    def on_test_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Do nothing: none of our callbacks uses this event, and validation need not wait either."""


class CurvesCallback(keras.callbacks.Callback):
    """Update ``history.json`` and ``curves.png`` in a folder while the network trains.

    Args:
        folder: where the files go; each is written atomically.
        title: the plot's title.
        state: its history is continued.
        done: the share of the first epoch that was done before an interruption; ``state.partial`` holds its scores.
    """

    def __init__(self, folder: Path, title: str, state: TrainingState, done: float = 0.0) -> None:
        super().__init__()
        self.folder, self.title, self.state, self.done = folder, title, state, done
        self._plotted = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        scores = joined(self.state.partial, logs or {}, self.done)
        self.state.partial, self.done = {}, 0.0
        for name, value in {**scores, "learning_rate": rate}.items():
            self.state.history.setdefault(name, []).append(float(value))
        write_json(self.folder / "history.json", self.state.history)
        if time.monotonic() - self._plotted > SECONDS_BETWEEN_PLOTS:
            self._plot()

    def on_train_end(self, logs: dict | None = None) -> None:
        self._plot()

    def _plot(self) -> None:
        plot(self.state.history, self.folder / "curves.png", self.title)
        self._plotted = time.monotonic()


def joined(before: dict[str, float], after: dict[str, float], done: float) -> dict[str, float]:
    """The mean scores over both parts of an epoch; ``done`` is the share of the first part."""
    scores = {name: float(value) for name, value in after.items()}
    return {
        name: done * before[name] + (1 - done) * value if name in before else value for name, value in scores.items()
    }


class CheckpointCallback(keras.callbacks.Callback):
    """Write checkpoints, stop early, and stop on Ctrl-C. It must come after ``CurvesCallback``.

    Args:
        store: where checkpoints are kept.
        state: the progress of the training; updated here.
        interrupts: whether Ctrl-C was pressed.
        settings: when to write a checkpoint, also at each restart of the learning rate, and when to stop.
        steps: steps per epoch.
    """

    def __init__(
        self,
        store: CheckpointStore,
        state: TrainingState,
        interrupts: Interrupts,
        settings: TrainingSettings,
        steps: int,
    ) -> None:
        super().__init__()
        self.store, self.state, self.interrupts = store, state, interrupts
        self.settings, self.steps = settings, steps
        self.start = state.step
        self.stopwatch = Stopwatch(Took(state.seconds, state.cpu_seconds))

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        step = self.start + batch + 1
        if not self.interrupts.asked or step == self.steps:  # the end of an epoch is saved by on_epoch_end
            return
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()  # during an epoch JAX keeps the weights outside the model
        self.state.partial = joined(self.state.partial, logs or {}, self.start / step)
        self.state.step = step
        self._save()
        raise KeyboardInterrupt

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        resumed, self.start = self.start > 0, 0
        self.state.epoch, self.state.step = epoch + 1, 0
        monitor = self.settings.monitor
        if monitor != "last" and self.state.best(monitor) == self.state.epoch:
            self.store.remember(self.state, self.model)
        finished = self.state.finished(self.settings)
        due = any(self.state.epoch % every == 0 for every in (self.settings.checkpoint, self.settings.cycle))
        if finished or resumed or self.interrupts.asked or due:
            self._save()
        if self.interrupts.asked:
            raise KeyboardInterrupt
        if finished:
            self.model.stop_training = True

    def _save(self) -> None:
        self.state.seconds, self.state.cpu_seconds = self.stopwatch.took()
        self.store.save(self.state, self.model)


class Watched(keras.callbacks.Callback):
    """Let a fold's ``watch`` look at each epoch. It must come after ``CurvesCallback`` and ``CheckpointCallback``.

    Args:
        watch: the fold's.
        state: whose history it gets.
    """

    def __init__(self, watch: Callable[[dict[str, list[float]]], None], state: TrainingState) -> None:
        super().__init__()
        self.watch, self.state = watch, state

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.watch(self.state.history)


class Progress(keras.callbacks.Callback):
    """A line of progress over all images of a training run, with the last epoch's losses.

    Args:
        title: for example "minivggnet, fold 2 of 5".
        images: images per epoch.
        epochs: the largest number of epochs.
        batch_size: images per step.
        done: images done before an interruption.
        folds_left: how many folds come after this one; the time left is that of all.
    """

    def __init__(
        self, title: str, images: int, epochs: int, batch_size: int, done: int = 0, folds_left: int = 0
    ) -> None:
        super().__init__()
        self.images, self.epochs, self.batch_size, self.done = images, epochs, batch_size, done
        self.name, _, self.fold = title.partition(", ")
        self.folds_left = folds_left
        self.losses = ""

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.bar = progress(self.name, self.images * self.epochs, "img", self.done, self._parts)
        self._position = self.done % self.images
        self.bar.refresh()

    def _parts(self) -> list[str]:
        shown = getattr(self, "bar", None)
        if shown is None:  # the line shows itself while it is made
            return ["starting"]
        done, total = shown.format_dict["n"], shown.format_dict["total"]
        rate, left = pace(shown.format_dict), total * (1 + self.folds_left) - shown.format_dict["n"]
        fold = [self.fold.replace(" of ", "/")] if self.fold else []
        parts = [*fold, f"epoch {min(done // self.images + 1, self.epochs)}/{self.epochs}"]
        if rate:
            parts.append(rate_words(rate, "img"))
        if self.losses:
            parts.append(self.losses)
        return [*parts, f"{seconds(left / rate)} left"] if rate else parts

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        count = min(self.batch_size, self.images - self._position)
        self._position = (self._position + count) % self.images
        self.bar.update(count)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.losses = f"loss {float((logs or {})['val_loss']):.3f}"

    def on_train_end(self, logs: dict | None = None) -> None:
        self.bar.close()
