"""Keras optimizers by name, with weight decay on kernels only, and optional weight averaging."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

if TYPE_CHECKING:
    from harness.training.settings import TrainingSettings


def optimizer(settings: TrainingSettings, rate: Any, trainable: list[keras.Variable], steps: int) -> keras.Optimizer:
    """The optimizer named in the settings, built for a model's variables.

    Args:
        settings: ``optimizer``, ``momentum``, ``nesterov``, ``weight_decay``, ``ema``, ``coupled_decay``, ``norm_rate``
            and ``lookahead`` are used.
        rate: the learning rate or a schedule.
        trainable: the model's trainable variables. Weight decay excludes those with one dimension: biases, and the
            scales and offsets of norms.
        steps: the number of steps of the whole training.

    Sources: decoupled weight decay, Loshchilov & Hutter (2019); averaged weights, Polyak & Juditsky (1992).
    """
    common: dict[str, Any] = {"learning_rate": rate, "weight_decay": settings.weight_decay or None}
    if settings.ema:
        common |= {"use_ema": True, "ema_momentum": settings.ema}
    optimizer = {
        "sgd": lambda: _sgd(settings, common, steps),
        "rmsprop": lambda: keras.optimizers.RMSprop(**common),
        "adam": lambda: keras.optimizers.Adam(**common),
        "adagrad": lambda: keras.optimizers.Adagrad(**common),
        "adadelta": lambda: keras.optimizers.Adadelta(**common),
        "nadam": lambda: keras.optimizers.Nadam(**common),
    }[settings.optimizer]()
    if settings.weight_decay:
        optimizer.exclude_from_weight_decay([variable for variable in trainable if len(variable.shape) < 2])
    optimizer.build(trainable)
    return optimizer


def _sgd(settings: TrainingSettings, common: dict[str, Any], steps: int) -> keras.optimizers.SGD:
    arguments = common | {"momentum": settings.momentum, "nesterov": settings.nesterov}
    if not settings.needs_fast_sgd:
        return keras.optimizers.SGD(**arguments)
    from harness.training.sgd import FastSGD

    return FastSGD(
        coupled_decay=settings.coupled_decay,
        norm_rate=settings.norm_rate,
        lookahead_steps=steps if settings.lookahead else 0,
        **arguments,
    )
