"""Watching a training run and keeping it: the learning curves, a bar with time left, and checkpoints."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path

import keras

from harness.console import progress
from harness.files import write_json
from harness.report.curves import plot
from harness.training.checkpoint import State, Store
from harness.training.interrupts import Interrupts

# Drawing takes a tenth of a second or more; epochs can be shorter than that.
SECONDS_BETWEEN_PLOTS = 10.0
AHEAD = 2  # steps that the host may be ahead of the device


class Watching(keras.callbacks.CallbackList):
    """Callbacks during whose work the device goes on with the next steps.

    Keras's own list turns each step's scores into numbers, and so waits for them: on a GPU, as long as the host then
    takes to start another step, the device has nothing to do. Here callbacks get scores as they are on the device, and
    only those of ``AHEAD`` steps before are waited for, so that batches do not pile up there.

    Args:
        callbacks: in their order.
        model: what they watch.
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
        """None of ours asks for it, and validation needs no waiting either."""


class Curves(keras.callbacks.Callback):
    """Keep ``history.json`` and ``curves.png`` in a folder up to date while the network trains.

    Args:
        folder: where they go; each is written whole.
        title: over the plot.
        state: its history is continued.
        done: the share of the first epoch that was done before a stop; its scores are in ``state.partial``.
    """

    def __init__(self, folder: Path, title: str, state: State, done: float = 0.0) -> None:
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
    """The means of scores over both parts of an epoch, of which ``done`` is the first one's share."""
    late = {name: float(value) for name, value in after.items()}
    return {name: done * before[name] + (1 - done) * value if name in before else value for name, value in late.items()}


class Keeper(keras.callbacks.Callback):
    """Write checkpoints, stop when nothing gets better, and stop when asked to. Comes after ``Curves``.

    Args:
        store: where they are kept.
        state: how far training has come; kept up to date.
        interrupts: say when to stop.
        every: epochs between two checkpoints.
        cycle: epochs between two restarts of the learning rate; there is a checkpoint at each.
        epochs, patience, best: when to stop, as in the recipe.
        steps: in a whole epoch.
    """

    def __init__(
        self,
        store: Store,
        state: State,
        interrupts: Interrupts,
        *,
        every: int,
        cycle: int,
        epochs: int,
        patience: int,
        best: str,
        steps: int,
    ) -> None:
        super().__init__()
        self.store, self.state, self.interrupts = store, state, interrupts
        self.every, self.cycle, self.epochs, self.patience = every, cycle, epochs, patience
        self.best, self.steps = best, steps
        self.start = state.step
        self.began = time.monotonic() - state.seconds

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        step = self.start + batch + 1
        if not self.interrupts.asked or step == self.steps:  # at the end of an epoch, that is saved
            return
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()  # JAX's weights are elsewhere while an epoch goes on
        self.state.partial = joined(self.state.partial, logs or {}, self.start / step)
        self.state.step = step
        self._save()
        raise KeyboardInterrupt

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        resumed, self.start = self.start > 0, 0
        self.state.epoch, self.state.step = epoch + 1, 0
        if self.best != "last" and self.state.best(self.best) == self.state.epoch:
            self.store.remember(self.state, self.model)
        over = self.state.finished(self.epochs, self.patience, self.best)
        due = self.state.epoch % self.every == 0 or self.state.epoch % self.cycle == 0
        if over or resumed or self.interrupts.asked or due:
            self._save()
        if self.interrupts.asked:
            raise KeyboardInterrupt
        if over:
            self.model.stop_training = True

    def _save(self) -> None:
        self.state.seconds = round(time.monotonic() - self.began, 2)
        self.store.save(self.state, self.model)


class Progress(keras.callbacks.Callback):
    """A bar over all the images of a training run, with the last epoch's scores.

    Args:
        title: "minivggnet, fold 2 of 5".
        images: in one epoch.
        epochs: at most.
        batch: images a step.
        done: images done before a stop.
    """

    def __init__(self, title: str, images: int, epochs: int, batch: int, done: int = 0) -> None:
        super().__init__()
        self.title, self.images, self.epochs, self.batch, self.done = title, images, epochs, batch, done

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.bar = progress(self.title, self.images * self.epochs, "img", self.done)
        self._position = self.done % self.images

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        taken = min(self.batch, self.images - self._position)
        self._position = (self._position + taken) % self.images
        self.bar.update(taken)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        logs = logs or {}
        self.bar.set_postfix_str(
            f"epoch {epoch + 1}/{self.epochs}, loss {logs['loss']:.3f}, "
            f"validation {logs['val_loss']:.3f}, accuracy {logs['val_accuracy']:.4f}",
            refresh=False,
        )

    def on_train_end(self, logs: dict | None = None) -> None:
        self.bar.close()
