"""What watches training does not hold it up."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.model


def test_scores_are_waited_for_only_once_the_device_is_steps_behind():
    from harness.models import keras_backend

    keras_backend.start(seed=0)
    import keras

    from harness.training.callbacks import AHEAD, AsyncCallbackList

    waited, seen = [], []

    class OnDevice:
        def __init__(self, step: int) -> None:
            self.step = step

        def __float__(self) -> float:
            waited.append(self.step)
            return 0.0

    class Counts(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(batch)

    watching = AsyncCallbackList([Counts()], keras.Sequential([keras.layers.Dense(1)]))
    for step in range(6):
        watching.on_train_batch_end(step, {"loss": OnDevice(step)})
        assert seen == list(range(step + 1)) and waited == list(range(step + 1 - AHEAD))
