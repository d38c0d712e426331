"""Backbone: a pretrained network with its input size, its preprocessing, its weights and its layers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from harness.utils.errors import UserError, nearest

if TYPE_CHECKING:
    import keras

Layer = str | int
Precision = Literal["float32", "bfloat16"]
Storage = Literal["float32", "float16"]


@dataclass(frozen=True)
class Backbone(ABC):
    """A network trained on ImageNet that turns images into features.

    Args:
        name: its name in recipes and on the command line.
        side: the height and width of the images it was trained on.
        layer: the default layer, whose output gives the features.
        features: the number of features of that layer.
    """

    # The steps whose versions are part of a cache's key, besides the steps that all backbones share.
    steps: ClassVar[tuple[str, ...]] = ()

    name: str
    side: int
    layer: Layer
    features: int

    @abstractmethod
    def weights_file(self) -> Path:
        """The file of the pretrained weights.

        Raises:
            UserError: it is missing and cannot be downloaded; the message says where to get it.
        """

    @abstractmethod
    def weights_fingerprint(self) -> str:
        """A hash of the weights file's bytes; it never downloads anything.

        Raises:
            UserError: the hash is unknown because the file is missing.
        """

    @abstractmethod
    def network(self, *, weights: bool = True) -> keras.Model:
        """The whole network including preprocessing; its input is (n, side, side, 3) RGB floats from 0 to 255.

        Args:
            weights: False for random weights, which only tests use.

        Raises:
            UserError: the weights are missing and cannot be downloaded.
        """

    def build(self, layers: tuple[Layer, ...] = (), *, weights: bool = True) -> keras.Model:
        """The network up to some layers: from (n, side, side, 3) RGB floats of 0…255 to (n, d) float32 features.

        Feature maps are averaged over height and width. The features of several layers are concatenated.

        Args:
            layers: layers by name, or by index as ``harness inspect`` prints it; empty for the default layer.
            weights: False for random weights, which only tests use.

        Raises:
            UserError: there is no such layer, or the weights are missing.
        """
        return self._up_to(self.network(weights=weights), layers)

    def tunable(
        self, layers: tuple[Layer, ...] = (), unfreeze: Layer | None = None, *, weights: bool = True
    ) -> keras.Model:
        """The network of ``build``, with only the layers from ``unfreeze`` on trainable; None freezes all layers.

        The order of the layers is that of ``harness inspect``. Batch norms are never trained and keep their statistics.

        Raises:
            UserError: there is no such layer, it comes after the output layers, or the weights are missing.
        """
        import keras

        network = self.network(weights=weights)
        first = len(network.layers) if unfreeze is None else network.layers.index(self._find(network, unfreeze))
        for number, layer in enumerate(network.layers):
            # Calling the network with training=False is not enough: Keras overrides it in nested models.
            layer.trainable = number >= first and not isinstance(layer, keras.layers.BatchNormalization)
        model = self._up_to(network, layers)
        if unfreeze is not None and not model.trainable_variables:
            raise UserError(
                f"no layer of {self.name} from {unfreeze!r} on has weights that affect the features.",
                f"unfreeze an earlier layer; they are listed by: harness inspect {self.name}",
            )
        return model

    def _up_to(self, network: keras.Model, layers: tuple[Layer, ...]) -> keras.Model:
        import keras

        outputs = [self._output(network, layer) for layer in layers or (self.layer,)]
        pooled = [keras.layers.GlobalAveragePooling2D()(x) if len(x.shape) == 4 else x for x in outputs]
        concatenated = keras.layers.Concatenate()(pooled) if len(pooled) > 1 else pooled[0]
        # In mixed precision everything up to here is float16.
        features = keras.layers.Identity(dtype="float32", name="features")(concatenated)
        return keras.Model(network.inputs, features, name=network.name)

    def _output(self, network: keras.Model, layer: Layer):
        keras_layer = self._find(network, layer)
        if len(keras_layer.output.shape) not in (2, 4):
            raise UserError(
                f"layer {keras_layer.name!r} of {self.name} outputs {keras_layer.output.shape}: neither feature maps "
                "nor features.",
                f"choose another layer; they are listed by: harness inspect {self.name}",
            )
        return keras_layer.output

    def _find(self, network: keras.Model, layer: Layer) -> keras.layers.Layer:
        names = [keras_layer.name for keras_layer in network.layers]
        fix = f"choose one of the layers listed by: harness inspect {self.name}"
        if isinstance(layer, str) and layer not in names:
            raise UserError(f"{self.name} has no layer {layer!r}. {nearest(layer, names)}", fix)
        if isinstance(layer, int) and not -len(names) <= layer < len(names):
            raise UserError(f"{self.name} has layers 0 to {len(names) - 1}. Received: {layer}", fix)
        return network.layers[names.index(layer) if isinstance(layer, str) else layer]
