"""Learning-rate schedules by name, most of them from Keras."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
from keras import ops

if TYPE_CHECKING:
    from harness.training.settings import TrainingSettings


def schedule(settings: TrainingSettings, steps: int) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate by step, as the settings name it.

    Args:
        settings: ``schedule`` is one of: "constant"; "linear" or "polynomial", which decay to 0 over all epochs;
            "steps", which follows the table ``milestones``; "time", which divides by 1 + ``decay`` · step; "cosine",
            which decays to 0 after a linear warm-up over the first tenth; "one_cycle", which rises over the first
            quarter and then decays to 0; "triangle", straight lines through the three
            shares of ``triangle``; "cycles", which decays to 0 along half a cosine, ``cycles`` times.
        steps: steps per epoch.

    Sources: linear, polynomial, steps and time, the published runs; cosine, Loshchilov & Hutter, SGDR (2017);
    warm-up, Goyal et al. (2017); one cycle, Smith & Topin, Super-Convergence (2018), with linear ramps; cycles,
    Huang et al., Snapshot Ensembles (2017).
    """
    peak, total = settings.learning_rate, settings.epochs * steps
    if settings.schedule == "linear":
        return keras.optimizers.schedules.PolynomialDecay(peak, total, end_learning_rate=0.0)
    if settings.schedule == "polynomial":
        return keras.optimizers.schedules.PolynomialDecay(peak, total, end_learning_rate=0.0, power=settings.power)
    if settings.schedule == "steps":
        # In Keras, the step at a boundary still has the rate before it.
        ends, rates = [until * steps - 1 for until, _ in settings.milestones], [rate for _, rate in settings.milestones]
        # Keras's schedule takes no single rate.
        return keras.optimizers.schedules.PiecewiseConstantDecay(ends[:-1], rates) if len(rates) > 1 else rates[0]
    if settings.schedule == "time":
        return keras.optimizers.schedules.InverseTimeDecay(peak, decay_steps=1, decay_rate=settings.decay)
    if settings.schedule == "cosine":
        warmup = total // 10
        return keras.optimizers.schedules.CosineDecay(
            peak / 10, total - warmup, alpha=0.0, warmup_target=peak, warmup_steps=warmup
        )
    if settings.schedule == "one_cycle":
        return OneCycle(peak, total)
    if settings.schedule == "triangle":
        return Triangle(peak, total, *settings.triangle)
    if settings.schedule == "cycles":
        return keras.optimizers.schedules.CosineDecayRestarts(peak, settings.cycle * steps, t_mul=1.0)
    return peak


class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """A linear rise from a tenth of the peak to the peak over the first quarter of all steps, then a linear fall to 0.

    Args:
        peak: the largest learning rate.
        total: the number of steps.
    """

    def __init__(self, peak: float, total: int) -> None:
        self.peak, self.total = peak, total

    def __call__(self, step):
        done = ops.cast(step, "float32") / self.total
        rise, fall = 0.1 + 0.9 * done / 0.25, (1 - done) / 0.75
        return self.peak * ops.maximum(ops.minimum(rise, fall), 0.0)

    def get_config(self) -> dict:
        return {"peak": self.peak, "total": self.total}


class Triangle(keras.optimizers.schedules.LearningRateSchedule):
    """A straight line from a share of the peak up to the peak, then a straight line down to another share of it.

    Args:
        peak: the largest learning rate.
        total: the number of steps.
        start: the share of the peak at the first step.
        top: when the peak is reached, as a share of all steps.
        end: the share of the peak after the last step.
    """

    def __init__(self, peak: float, total: int, start: float, top: float, end: float) -> None:
        self.peak, self.total, self.start, self.top, self.end = peak, total, start, top, end

    def __call__(self, step):
        done = ops.cast(step, "float32") / self.total
        rise = self.start + (1 - self.start) * done / self.top
        fall = self.end + (1 - self.end) * (1 - done) / (1 - self.top)
        return self.peak * ops.minimum(rise, fall)

    def get_config(self) -> dict:
        return {name: getattr(self, name) for name in ("peak", "total", "start", "top", "end")}
