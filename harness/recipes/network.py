"""A network trained from scratch on each fold."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from harness.recipes.recipe import Array
from harness.recipes.trained import Trained
from harness.utils.errors import require

if TYPE_CHECKING:
    import keras

    from harness.data.cache.image_cache import ImageCache


@dataclass(frozen=True, kw_only=True)
class Network(Trained):
    """A network from scratch.

    Args:
        network: a module of ``harness.models.networks``, such as "minivggnet".
        options: the network's own, such as {"stages": (3, 4, 6)}.
        reg: L2 weight decay of the kernels, in the loss; None is as the network has it.
        scaling: of the pixels: "standard", less the training images' mean colour, divided by its deviation; "unit",
            0 to 1; "mean", less the mean colour; "mean_image", less the mean image, pixel by pixel.
        whiten: put a frozen convolution in front that whitens the training images' 2×2 patches; see
            ``harness.models.whitening``. The network gets images of one pixel less and 24 channels.
    """

    network: str
    options: dict = field(default_factory=dict, hash=False)
    reg: float | None = None
    scaling: Literal["standard", "unit", "mean", "mean_image"] = "standard"
    whiten: bool = False

    @property
    def training_steps(self) -> tuple[str, ...]:
        whitening = ("whitening",) if self.whiten else ()
        return (*super().training_steps, *whitening, "network", "scaling", f"networks.{self.network}")

    def check(self, competition) -> None:
        from harness.models import networks

        require(self, "network", self.network in networks.NETWORKS, f"one of {', '.join(networks.NETWORKS)}")
        own = [name for name in networks.options(self.network) if name != "reg"]
        require(self, "options", set(self.options) <= set(own), f"named among {', '.join(own) or 'none'}")
        require(self, "reg", self.reg is None or self.reg >= 0, "0 or more, or None")
        whole = self.crop in (None, self.size)
        require(self, "crop", whole or self.scaling != "mean_image", "None where the mean image is taken away")
        super().check(competition)

    @property
    def smallest(self) -> int:
        from harness.models import networks

        return networks.smallest(self.network) + self.whiten if self.network in networks.NETWORKS else 1

    @property
    def approach(self) -> str:
        return "network"

    def architecture(self, classes: Callable[[], int]) -> keras.Model:
        import keras

        from harness.models import networks
        from harness.models.whitening import Whitening

        options = self.options if self.reg is None else {"reg": self.reg} | self.options
        inputs = keras.Input((*self.input_size, 3))
        front = Whitening(name="whitening")(inputs) if self.whiten else inputs
        height, width, channels = front.shape[1:]
        network = networks.build(self.network, height, width, channels, classes(), **options)
        return keras.Model(inputs, network(front), name=self.network) if self.whiten else network

    def assemble(self, classes: int, cache: ImageCache, train: Array) -> keras.Model:
        import keras

        from harness.models.whitening import PIXELS, looked_at
        from harness.training.scaling import SCALINGS

        offset, divisor = SCALINGS[self.scaling](cache, train)
        pixels = keras.Input((*self.input_size, 3))
        axis = -1 if offset.ndim == 1 else (1, 2, 3)
        variance = divisor**2
        scaled = keras.layers.Normalization(axis, offset.tolist(), variance.tolist(), dtype="float32")(pixels)
        architecture = self.architecture(lambda: classes)
        if self.whiten:
            rows = looked_at(train)
            at_once = max(1, min(250, PIXELS // math.prod(self.size)))
            parts = np.array_split(rows, math.ceil(len(rows) / at_once))
            architecture.get_layer("whitening").adapt((cache.images[part] - offset) / divisor for part in parts)
        return keras.Model(pixels, architecture(scaled), name="network")
