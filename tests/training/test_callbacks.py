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


def test_the_line_of_progress_fits_and_tells_the_time_left_of_all_folds():
    from harness.training.callbacks import Progress

    shown = Progress("minivggnet_augmented, fold 2 of 5", 1000, 100, 100, done=5000, folds_left=3)
    shown.on_train_begin()
    shown.bar.start_t -= 10
    for step in range(10):
        shown.on_train_batch_end(step)
    shown.on_epoch_end(5, {"val_loss": 0.51234})
    shown.bar._time = lambda now=shown.bar.start_t + 10: now  # ten seconds, however busy the machine is
    line = str(shown.bar)
    shown.on_train_end()
    assert len(line) <= 79
    # 394,000 images are left of this fold and of three more, at 100 a second.
    assert line == "minivggnet_augm…: fold 2/5, epoch 7/100, 100 img/s, loss 0.512, 1 h 05 min left"
