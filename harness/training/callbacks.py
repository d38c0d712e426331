"""Watching a training run: the learning curves as JSON and plot, and a bar with time left."""

from __future__ import annotations

import time
from pathlib import Path

import keras

from harness.console import progress
from harness.files import write_json
from harness.report.curves import plot

# Drawing takes a tenth of a second or more; epochs can be shorter than that.
SECONDS_BETWEEN_PLOTS = 10.0


class Curves(keras.callbacks.Callback):
    """Keep ``history.json`` and ``curves.png`` in a folder up to date while the network trains.

    Args:
        folder: where they go; each is written whole.
        title: over the plot.
    """

    def __init__(self, folder: Path, title: str) -> None:
        super().__init__()
        self.folder, self.title = folder, title
        self.history: dict[str, list[float]] = {}
        self._plotted = 0.0

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        for name, value in {**(logs or {}), "learning_rate": rate}.items():
            self.history.setdefault(name, []).append(float(value))
        write_json(self.folder / "history.json", self.history)
        if time.monotonic() - self._plotted > SECONDS_BETWEEN_PLOTS:
            self._plot()

    def on_train_end(self, logs: dict | None = None) -> None:
        self._plot()

    def _plot(self) -> None:
        plot(self.history, self.folder / "curves.png", self.title)
        self._plotted = time.monotonic()


class Progress(keras.callbacks.Callback):
    """A bar over all the images of a training run, with the last epoch's scores.

    Args:
        title: "minivggnet, fold 2 of 5".
        images: in one epoch.
        epochs: at most.
        batch: images a step.
    """

    def __init__(self, title: str, images: int, epochs: int, batch: int) -> None:
        super().__init__()
        self.title, self.images, self.epochs, self.batch = title, images, epochs, batch

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.bar = progress(self.title, self.images * self.epochs, "img")

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.bar.update(min(self.batch, self.images - batch * self.batch))

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        logs = logs or {}
        self.bar.set_postfix_str(
            f"epoch {epoch + 1}/{self.epochs}, loss {logs['loss']:.3f}, "
            f"validation {logs['val_loss']:.3f}, accuracy {logs['val_accuracy']:.4f}",
            refresh=False,
        )

    def on_train_end(self, logs: dict | None = None) -> None:
        self.bar.close()
