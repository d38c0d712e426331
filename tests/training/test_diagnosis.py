"""What learning curves say in words."""

from __future__ import annotations

import numpy as np
import pytest

from harness.training.diagnosis import diagnosis


def told(losses, validation, accuracy=0.5, val_accuracy=0.5) -> list[str]:
    history = {"log_loss": list(losses), "val_log_loss": list(validation)}
    history |= {"accuracy": [accuracy] * len(history["log_loss"]), "val_accuracy": [val_accuracy] * len(losses)}
    return diagnosis(history, classes=10)


EPOCHS = np.arange(20)
FALLING = 2.0 * 0.9**EPOCHS
TURNING = np.concatenate([FALLING[:8], FALLING[7] + 0.05 * np.arange(1, 13)])
SETTLING = 0.5 + 1.5 * 0.3**EPOCHS


@pytest.mark.parametrize(
    ("losses", "validation", "words"),
    [
        (FALLING, TURNING, "overfitting from epoch 9"),
        (FALLING, FALLING + 0.1, "still falling"),
        (SETTLING, SETTLING + 0.1 + 1e-4 * EPOCHS, "loss saturated from epoch 6"),
        (np.where(EPOCHS % 2, 1.5, 1.0), np.full(20, 1.2), "learning rate too high: the training loss rose in 10"),
        (
            [2.0, 1.9, np.nan, np.nan],
            [2.0, 1.9, np.nan, np.nan],
            "learning rate too high: the loss is not a number from",
        ),
        (np.full(6, 2.31), np.full(6, 2.31), "nothing learnt"),
    ],
)
def test_a_fault_is_named_first(losses, validation, words):
    assert told(losses, validation)[0].startswith(words)


def test_a_gap_between_training_and_validation_is_told():
    assert any("a gap of 20 points" in line for line in told(FALLING, FALLING + 0.3, 0.95, 0.75))


def test_scores_that_swing_at_the_end_are_told_and_those_that_only_rise_are_not():
    def unsteady(accuracies) -> list[str]:
        losses = list(FALLING[: len(accuracies)])
        history = {"log_loss": losses, "val_log_loss": losses}
        history |= {"accuracy": list(accuracies), "val_accuracy": list(accuracies)}
        return [line for line in diagnosis(history, 10) if "unsteady" in line]

    swinging = np.where(EPOCHS % 2, 0.7, 0.5)
    (line,) = unsteady(swinging)
    assert line.startswith("unsteady: over the last 5 epochs") and "0.50 and 0.70" in line
    assert unsteady(np.linspace(0.1, 0.9, 20)) == [] == unsteady(swinging[:9])
    assert unsteady(np.concatenate([swinging[:15], np.full(5, 0.7)])) == []


def test_a_good_run_and_one_that_has_hardly_begun_need_no_words():
    done = 0.3 + 1.7 * (1 - EPOCHS / 19) ** 3
    assert told(done, done + 0.02) == []
    assert told([2.0], [2.1]) == [] and diagnosis({}, 3) == []


def test_a_history_without_accuracies_is_diagnosed():
    history = {"log_loss": list(FALLING), "val_log_loss": list(FALLING + 0.1)}
    assert diagnosis(history, classes=10)[0].startswith("still falling")
