"""A network made of Keras's own layers alone, so that whoever has Keras can load it."""

from __future__ import annotations

import keras
from keras import layers


def plain(network: keras.Model, *, in_float32: bool = False) -> keras.Model:
    """The same network, weights included, with Keras's layers in place of ours. It predicts; it is not trained on.

    A layer of ours has a method ``counterpart``, which gives Keras's layer with the same weights by name.

    Args:
        network: functional or sequential, at any depth of nesting.
        in_float32: it computes in float32, at which any processor is fast; otherwise as the network does.
    """
    pairs = []

    def cloned(layer: layers.Layer) -> layers.Layer:
        if not isinstance(layer, layers.Layer):  # an operation such as an index, which has no weights
            return layer
        pairs.append((layer, _copied(layer.counterpart() if hasattr(layer, "counterpart") else layer, in_float32)))
        return pairs[-1][1]

    same = keras.models.clone_model(network, clone_function=cloned, recursive=True)
    for ours, counterpart in pairs:
        by_name = {weight.name: weight for weight in ours.weights}
        named = hasattr(ours, "counterpart")
        in_order = [by_name[weight.name] for weight in counterpart.weights] if named else ours.weights
        counterpart.set_weights([keras.ops.convert_to_numpy(weight) for weight in in_order])
    return same


def is_mixed(network: keras.Model) -> bool:
    """Whether a network computes in half precision somewhere."""
    return any(_halves(layer) for layer in network._flatten_layers())


def _halves(layer: layers.Layer) -> bool:
    return layer.dtype_policy.name.startswith("mixed")


def _copied(layer: layers.Layer, in_float32: bool) -> layers.Layer:
    config = layer.get_config()
    if in_float32 and _halves(layer):
        config["dtype"] = "float32"
    initializer = getattr(layer, "kernel_initializer", None)
    if initializer is not None and not type(initializer).__module__.startswith("keras."):
        config["kernel_initializer"] = "zeros"  # the weights are set afterwards
    return type(layer).from_config(config)
