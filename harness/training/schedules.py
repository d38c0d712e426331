"""Learning-rate schedules by name, from Keras."""

from __future__ import annotations

import keras


def schedule(name: str, peak: float, steps: int) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """A learning rate over ``steps`` steps that ends at 0, or stays put.

    Args:
        name: "constant"; "linear" from the peak; "cosine" after a linear warm-up over the first tenth.
        peak: the largest learning rate.
        steps: steps in all.

    Sources: linear, the published runs; cosine, Loshchilov & Hutter, SGDR (2017); warm-up, Goyal et al. (2017).
    """
    if name == "linear":
        return keras.optimizers.schedules.PolynomialDecay(peak, steps, end_learning_rate=0.0)
    if name == "cosine":
        warm = steps // 10
        return keras.optimizers.schedules.CosineDecay(
            peak / 10, steps - warm, alpha=0.0, warmup_target=peak, warmup_steps=warm
        )
    return peak
