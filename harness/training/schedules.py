"""Learning-rate schedules by name, from Keras where it has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
from keras import ops

if TYPE_CHECKING:
    from harness.recipes.trained import Trained


def schedule(recipe: Trained, steps: int) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate by step that a recipe asks for.

    Args:
        recipe: its ``schedule`` is "constant"; "linear" or "polynomial", to 0 over the epochs; "steps", by the table
            ``rates``; "time", divided by 1 + ``decay`` · step; "cosine", to 0 after a linear warm-up over the
            first tenth; "one_cycle", up over the first quarter and down to 0; "cycles", to 0 along half a cosine,
            as often as ``cycles`` says.
        steps: in an epoch.

    Sources: linear, polynomial, steps and time, the published runs; cosine, Loshchilov & Hutter, SGDR (2017);
    warm-up, Goyal et al. (2017); one cycle, Smith & Topin, Super-Convergence (2018), in straight lines;
    cycles, Huang et al., Snapshot Ensembles (2017).
    """
    peak, total = recipe.learning_rate, recipe.epochs * steps
    if recipe.schedule == "linear":
        return keras.optimizers.schedules.PolynomialDecay(peak, total, end_learning_rate=0.0)
    if recipe.schedule == "polynomial":
        return keras.optimizers.schedules.PolynomialDecay(peak, total, end_learning_rate=0.0, power=recipe.power)
    if recipe.schedule == "steps":
        # Keras counts a boundary to what is before it.
        ends = [until * steps - 1 for until, _ in recipe.rates]
        return keras.optimizers.schedules.PiecewiseConstantDecay(ends[:-1], [rate for _, rate in recipe.rates])
    if recipe.schedule == "time":
        return keras.optimizers.schedules.InverseTimeDecay(peak, decay_steps=1, decay_rate=recipe.decay)
    if recipe.schedule == "cosine":
        warm = total // 10
        return keras.optimizers.schedules.CosineDecay(
            peak / 10, total - warm, alpha=0.0, warmup_target=peak, warmup_steps=warm
        )
    if recipe.schedule == "one_cycle":
        return OneCycle(peak, total)
    if recipe.schedule == "cycles":
        return keras.optimizers.schedules.CosineDecayRestarts(peak, recipe.cycle * steps, t_mul=1.0)
    return peak


class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """From a tenth of the peak up to it over the first quarter of all steps, then down to 0, in straight lines.

    Args:
        peak: the largest learning rate.
        total: steps in all.
    """

    def __init__(self, peak: float, total: int) -> None:
        self.peak, self.total = peak, total

    def __call__(self, step):
        done = ops.cast(step, "float32") / self.total
        up, down = 0.1 + 0.9 * done / 0.25, (1 - done) / 0.75
        return self.peak * ops.maximum(ops.minimum(up, down), 0.0)

    def get_config(self) -> dict:
        return {"peak": self.peak, "total": self.total}
