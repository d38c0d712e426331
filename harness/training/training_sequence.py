"""Batches in the form that the training model expects, from any step of any epoch on."""

from __future__ import annotations

import keras
import numpy as np

from harness.data.batches import Batches

Array = np.ndarray


class TrainingSequence(keras.utils.PyDataset):
    """Images and labels as inputs, because labels are mixed with their images, and the labels again for the metrics.

    Args:
        batches: the batches; they are reshuffled after every epoch.
        epoch: the first epoch, counted from 0.
        start: skip this many batches at the start of every epoch: those done before an interruption.
    """

    def __init__(self, batches: Batches, epoch: int = 0, start: int = 0) -> None:
        super().__init__()
        self.batches, self.start = batches, start
        for _ in range(epoch):
            batches.on_epoch_end()

    def __len__(self) -> int:
        return len(self.batches) - self.start

    def __getitem__(self, index: int) -> tuple[dict[str, Array], Array]:
        images, labels = self.batches[self.start + index]
        return {"images": images, "labels": labels}, labels

    def on_epoch_end(self) -> None:
        self.batches.on_epoch_end()
