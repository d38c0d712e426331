"""Diagnosis of learning curves in words: what is wrong with a training run, and what to try."""

from __future__ import annotations

import itertools
import math

import numpy as np

# A log loss counts as risen or fallen if it changed by the share NOTABLE of itself, or by the share RISE of the log
# loss of guessing.
NOTABLE = 0.02
RISE = 0.02
GAP = 0.10  # in accuracy
# A log loss below LEFT, or below the share LITTLE of the log loss of guessing, leaves little to learn.
LEFT = 0.01
LITTLE = 0.05


def diagnosis(history: dict[str, list[float]], classes: int) -> list[str]:
    """Remarks about a run as plain sentences, the most serious first; empty if nothing is wrong.

    The rules follow the four-split recipe. A high training error calls for a bigger network or longer training. A gap
    to the validation error calls for regularisation, augmentation or more data.

    Args:
        history: values by epoch under "log_loss", "val_log_loss", "accuracy" and "val_accuracy", of equal length.
        classes: the number of classes, which gives the log loss of guessing.
    """
    losses, validation = history.get("log_loss", []), history.get("val_log_loss", [])
    if not losses or len(losses) != len(validation):
        return []
    if not all(math.isfinite(value) for value in losses + validation):
        first = 1 + next(
            i for i, pair in enumerate(zip(losses, validation, strict=True)) if not np.isfinite(pair).all()
        )
        return [
            f"learning rate too high: the loss is not a number from epoch {first} on. Divide the learning rate by 10."
        ]
    return [
        remark
        for remark in (
            _unstable(losses, validation, classes),
            _unsteady(history.get("val_accuracy", [])),
            *_validation(history, classes),
            _trend(losses, validation, classes),
        )
        if remark
    ]


def _unstable(losses: list[float], validation: list[float], classes: int) -> str | None:
    if len(losses) >= 3 and min(losses + validation) > (1 - NOTABLE) * math.log(classes):
        return (
            f"nothing learnt: after {len(losses)} epochs the loss is no better than guessing "
            f"({math.log(classes):.2f}). Try a learning rate 10 times smaller, then 10 times larger."
        )
    jumps = sum(after > before + RISE * math.log(classes) for before, after in itertools.pairwise(losses))
    if len(losses) >= 5 and jumps >= len(losses) / 4:
        return (
            f"learning rate too high: the training loss rose in {jumps} of {len(losses)} epochs. "
            "Divide the learning rate by 3 to 10."
        )
    return None


def _unsteady(accuracies: list[float]) -> str | None:
    tail = np.array(accuracies[-max(5, len(accuracies) // 5) :])
    if len(accuracies) < 10 or (np.maximum.accumulate(tail) - tail).max() <= GAP:
        return None
    return (
        f"unsteady: over the last {len(tail)} epochs the validation accuracy fluctuated between {tail.min():.2f} and "
        f"{tail.max():.2f}, so one epoch says little. Decay the learning rate (schedule=cosine), or average the "
        "weights (ema=0.99)."
    )


def _validation(history: dict[str, list[float]], classes: int) -> list[str]:
    losses, validation = history["log_loss"], history["val_log_loss"]
    best = int(np.argmin(validation))
    if validation[-1] > validation[best] + RISE * math.log(classes) and losses[-1] < (1 - NOTABLE) * losses[best]:
        return [
            f"overfitting from epoch {best + 2}: the training loss kept falling from {losses[best]:.3f} to "
            f"{losses[-1]:.3f}, but the validation loss rose from {validation[best]:.3f} to {validation[-1]:.3f}. "
            "Regularise, augment, or find more data."
        ]
    accuracy, val_accuracy = (history.get(name, [0.0] * len(losses))[best] for name in ("accuracy", "val_accuracy"))
    if accuracy - val_accuracy > GAP:
        return [
            f"a gap of {100 * (accuracy - val_accuracy):.0f} points between training and validation accuracy: "
            "regularise, augment, or find more data."
        ]
    return []


def _trend(losses: list[float], validation: list[float], classes: int) -> str | None:
    if len(losses) < 4:
        return None
    tail = max(2, len(losses) // 5)
    best = int(np.argmin(validation))
    if best >= len(losses) - 1 and validation[-1] < (1 - NOTABLE) * min(validation[:-tail]) - LEFT:
        return "still falling: the validation loss was lowest in the last epoch. Train longer."
    much_left = losses[-1] > LITTLE * math.log(classes)
    if much_left and losses[-1] > (1 - NOTABLE) * min(losses[:-tail]) and best < len(losses) - tail:
        flat = 1 + next(i for i, value in enumerate(losses) if value <= (1 + NOTABLE) * min(losses))
        return (
            f"loss saturated from epoch {flat}: at {losses[-1]:.3f}. "
            "Lower the learning rate; if that does not help, use a bigger network."
        )
    return None
