"""What training does by the kind of targets: the network's last layer, the loss, and what is measured each epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.data.targets import Regression, Targets
from harness.utils.errors import UserError

if TYPE_CHECKING:
    import keras

Array = np.ndarray


@dataclass(frozen=True)
class Head:
    """How networks are trained for one kind of targets.

    Args:
        loss: a key of ``harness.training.loss_layer.LOSSES``.
        activation: of the last layer.
        shape: of a row's labels as they are fed.
        dtype: of these.
        dense: from fed labels to those that the loss takes: (n, columns) float32.
        metrics: makes what is measured each epoch.
        unit, offset: of numbers, by which the network's output is scaled, so that it has about mean 0 and deviation 1.
    """

    loss: str
    activation: str
    shape: tuple[int, ...]
    dtype: str
    dense: Callable[[Any], Any]
    metrics: Callable[[], list[keras.metrics.Metric]]
    unit: float = 1.0
    offset: float = 0.0

    def on(self, network: keras.Model) -> keras.Model:
        """The network with this head: its last layer is a softmax, and gets the activation in its place.

        Raises:
            UserError: it ends in something else.
        """
        import keras

        if self.activation == "softmax":
            return network
        last = network.layers[-1]
        while isinstance(last, keras.Model):
            last = last.layers[-1]
        if getattr(last, "activation", None) is not keras.activations.softmax:
            raise UserError(
                f"the network ends in {type(last).__name__} {last.name!r}, which is no softmax that could be replaced.",
                "let the network end in a Dense or Activation layer with softmax",
            )
        last.activation = keras.activations.get(self.activation)
        if self.activation != "linear":
            return network
        scaled = keras.layers.Rescaling(self.unit, self.offset, dtype="float32", name="units")(network.output)
        return keras.Model(network.inputs, scaled, name=network.name)


def head(targets: Targets, labels: Array, columns: int) -> Head:
    """The head for these targets.

    Args:
        targets: the kind.
        labels: those of the training rows.
        columns: how many columns predictions have.
    """
    return HEADS[targets.link](targets, labels, columns)


def _of_classes(targets: Targets, labels: Array, columns: int) -> Head:
    import keras

    return Head(
        loss="softmax",
        activation="softmax",
        shape=(),
        dtype="int32",
        dense=lambda fed: keras.ops.one_hot(fed, columns, dtype="float32"),
        # The loss also includes weight decay and label smoothing; the second metric is the cross entropy only.
        metrics=lambda: [
            keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
            keras.metrics.SparseCategoricalCrossentropy(name="log_loss"),
        ],
    )


def _of_labels(targets: Targets, labels: Array, columns: int) -> Head:
    import keras

    return Head(
        loss="sigmoid",
        activation="sigmoid",
        shape=(columns,),
        dtype="int8",
        dense=lambda fed: keras.ops.cast(fed, "float32"),
        metrics=lambda: [
            keras.metrics.BinaryAccuracy(name="accuracy"),
            keras.metrics.BinaryCrossentropy(name="log_loss"),
        ],
    )


def _of_numbers(targets: Targets, labels: Array, columns: int) -> Head:
    import keras

    assert isinstance(targets, Regression)
    return Head(
        loss=targets.error,
        activation="linear",
        shape=(),
        dtype="float32",
        dense=lambda fed: keras.ops.expand_dims(fed, -1),
        metrics=lambda: [
            keras.metrics.MeanSquaredError(name="squared_error"),
            keras.metrics.MeanAbsoluteError(name="absolute_error"),
        ],
        unit=float(labels.std()) or 1.0,
        offset=float(labels.mean()),
    )


HEADS: dict[str, Callable[[Targets, Array, int], Head]] = {
    "softmax": _of_classes,
    "sigmoid": _of_labels,
    "identity": _of_numbers,
}
