"""What a pretrained network is here: its input, its preprocessing, its weights and its layers travel together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from harness import fingerprint as fp
from harness.errors import UserError, nearest

if TYPE_CHECKING:
    import keras

Layer = str | int
Precision = Literal["float32", "bfloat16"]
Storage = Literal["float32", "float16"]


@dataclass(frozen=True)
class Backbone(ABC):
    """A network trained on ImageNet that turns images into features.

    Args:
        name: what recipes and the command line call it.
        side: the height and width of the images it was trained on.
        layer: the layer whose output is taken where no other is asked for.
        features: how many features that layer gives.
    """

    modules: ClassVar[tuple[str, ...]] = ()

    name: str
    side: int
    layer: Layer
    features: int

    @abstractmethod
    def weights_file(self) -> Path:
        """The file of the pretrained weights.

        Raises:
            UserError: it is not here and cannot be had; says where it comes from.
        """

    @abstractmethod
    def weights_fingerprint(self) -> str:
        """A hash of the weights file's bytes; downloads nothing.

        Raises:
            UserError: it cannot be known, for the file is not here.
        """

    def code(self) -> str:
        """A hash of the code that builds the network and reads its weights."""
        return fp.code(*(f"backbones.{name}" for name in self.modules)) + fp.code_of_class(type(self))

    @abstractmethod
    def network(self, *, weights: bool = True) -> keras.Model:
        """The whole network, preprocessing inside: (n, side, side, 3) RGB floats from 0 to 255 in.

        Args:
            weights: False for random ones, which is of use in tests alone.

        Raises:
            UserError: the weights are not here and cannot be had.
        """

    def build(self, layers: tuple[Layer, ...] = (), *, weights: bool = True) -> keras.Model:
        """The network up to some layers: (n, side, side, 3) RGB floats from 0 to 255 in, (n, d) float32 features out.

        The output of a layer that has height and width is averaged over them; several layers' are concatenated.

        Args:
            layers: by name, or by index as ``harness inspect`` prints it; none: the default one.
            weights: False for random ones, which is of use in tests alone.

        Raises:
            UserError: there is no such layer, or no weights.
        """
        return self._up_to(self.network(weights=weights), layers)

    def tunable(
        self, layers: tuple[Layer, ...] = (), unfreeze: Layer | None = None, *, weights: bool = True
    ) -> keras.Model:
        """``build``'s network, in which only the layers from ``unfreeze`` on learn; None: none does.

        The layers' order is that of ``harness inspect``. Batch norms never learn, and keep the statistics they have.

        Raises:
            UserError: there is no such layer, it comes after those that are tapped, or there are no weights.
        """
        import keras

        network = self.network(weights=weights)
        first = len(network.layers) if unfreeze is None else network.layers.index(self._find(network, unfreeze))
        for number, layer in enumerate(network.layers):
            # Calling the network with training=False would not do: Keras overrides that in a model of models.
            layer.trainable = number >= first and not isinstance(layer, keras.layers.BatchNormalization)
        found = self._up_to(network, layers)
        if unfreeze is not None and not found.trainable_variables:
            raise UserError(
                f"no layer of {self.name} from {unfreeze!r} on has weights that count here.",
                f"unfreeze an earlier one: harness inspect {self.name}",
            )
        return found

    def _up_to(self, network: keras.Model, layers: tuple[Layer, ...]) -> keras.Model:
        import keras

        outputs = [self._tapped(network, layer) for layer in layers or (self.layer,)]
        pooled = [keras.layers.GlobalAveragePooling2D()(x) if len(x.shape) == 4 else x for x in outputs]
        joined = keras.layers.Concatenate()(pooled) if len(pooled) > 1 else pooled[0]
        # In mixed precision everything up to here is float16.
        features = keras.layers.Identity(dtype="float32", name="features")(joined)
        return keras.Model(network.inputs, features, name=network.name)

    def _tapped(self, network: keras.Model, layer: Layer):
        found = self._find(network, layer)
        if len(found.output.shape) not in (2, 4):
            raise UserError(
                f"layer {found.name!r} of {self.name} gives {found.output.shape}: neither maps nor features.",
                f"harness inspect {self.name}",
            )
        return found.output

    def _find(self, network: keras.Model, layer: Layer) -> keras.layers.Layer:
        names = [one.name for one in network.layers]
        if isinstance(layer, str) and layer not in names:
            what = f"{self.name} has no layer {layer!r}. {nearest(layer, names)}"
            raise UserError(what, f"harness inspect {self.name}")
        if isinstance(layer, int) and not -len(names) <= layer < len(names):
            what = f"{self.name} has layers 0 to {len(names) - 1}. Received: {layer}"
            raise UserError(what, f"harness inspect {self.name}")
        return network.layers[names.index(layer) if isinstance(layer, str) else layer]
