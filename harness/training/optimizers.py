"""Keras optimizers by name, with weight decay on kernels only, and optional weight averaging."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

if TYPE_CHECKING:
    from harness.training.settings import TrainingSettings


def optimizer(settings: TrainingSettings, rate: Any, trainable: list[keras.Variable]) -> keras.Optimizer:
    """The optimizer named in the settings, built for a model's variables.

    Args:
        settings: ``optimizer``, ``momentum``, ``nesterov``, ``weight_decay`` and ``ema`` are used.
        rate: the learning rate or a schedule.
        trainable: the model's trainable variables. Weight decay excludes those with one dimension: biases, and the
            scales and offsets of norms.

    Sources: decoupled weight decay, Loshchilov & Hutter (2019); averaged weights, Polyak & Juditsky (1992).
    """
    common: dict[str, Any] = {"learning_rate": rate, "weight_decay": settings.weight_decay or None}
    if settings.ema:
        common |= {"use_ema": True, "ema_momentum": settings.ema}
    optimizer = {
        "sgd": lambda: keras.optimizers.SGD(momentum=settings.momentum, nesterov=settings.nesterov, **common),
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
