"""Optimizers by name, from Keras, with weight decay where it belongs and averaged weights where they are wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

if TYPE_CHECKING:
    from harness.recipes.trained import Trained


def optimizer(recipe: Trained, rate: Any, trainable: list[keras.Variable]) -> keras.Optimizer:
    """The optimizer a recipe names, built for a model's variables.

    Args:
        recipe: its ``optimizer``, ``momentum``, ``nesterov``, ``weight_decay`` and ``ema`` count.
        rate: the learning rate or a schedule of it.
        trainable: the model's trainable variables; those of one dimension, biases and the scales and offsets of
            norms, are left out of the weight decay.

    Sources: decoupled weight decay, Loshchilov & Hutter (2019); averaged weights, Polyak & Juditsky (1992).
    """
    common: dict[str, Any] = {"learning_rate": rate, "weight_decay": recipe.weight_decay or None}
    if recipe.ema:
        common |= {"use_ema": True, "ema_momentum": recipe.ema}
    made = {
        "sgd": lambda: keras.optimizers.SGD(momentum=recipe.momentum, nesterov=recipe.nesterov, **common),
        "rmsprop": lambda: keras.optimizers.RMSprop(**common),
        "adam": lambda: keras.optimizers.Adam(**common),
        "adagrad": lambda: keras.optimizers.Adagrad(**common),
        "adadelta": lambda: keras.optimizers.Adadelta(**common),
        "nadam": lambda: keras.optimizers.Nadam(**common),
    }[recipe.optimizer]()
    if recipe.weight_decay:
        made.exclude_from_weight_decay([variable for variable in trainable if len(variable.shape) < 2])
    made.build(trainable)
    return made
