"""A network trained from scratch on each fold, with early stopping on the fold's validation part."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

from harness.data.views import VIEWS, views
from harness.recipes.recipe import Array, Fold, ImageRecipe, require

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, kw_only=True)
class Network(ImageRecipe):
    """A network from scratch.

    Args:
        network: a module of ``harness.networks``, such as "minivggnet".
        pad: training crops are taken at random from the image with its edges repeated outwards by so many pixels.
        flip: mirror training images at random.
        rotation: turn training images at random by up to so many degrees.
        zoom: scale training images at random by up to this fraction.
        epochs: passes over the training rows, at most.
        patience: stop after so many epochs without a lower validation loss; the best epoch's weights are kept.
        batch: images a step.
        optimizer: by name.
        learning_rate: its largest value.
        schedule: how the learning rate falls to 0 over the epochs; "cosine" warms up over the first tenth.
        views: the views whose probabilities are averaged: a key of ``harness.data.views.VIEWS``.
    """

    network: str
    pad: int = 0
    flip: bool = False
    rotation: float = 0.0
    zoom: float = 0.0
    epochs: int
    patience: int = 10
    batch: int = 64
    optimizer: Literal["sgd", "adam"] = "sgd"
    learning_rate: float
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    views: str = "centre"

    @property
    def modules(self) -> tuple[str, ...]:
        training = ("training.augmentation", "training.fit", "training.schedules")
        return ("backend", "data.batches", "data.views", *training, f"networks.{self.network}")

    def check(self, competition) -> None:
        from harness.networks import NETWORKS

        super().check(competition)
        require(self, "network", self.network in NETWORKS, f"one of {', '.join(NETWORKS)}")
        for setting in ("epochs", "patience", "batch"):
            require(self, setting, getattr(self, setting) >= 1, "at least 1")
        require(self, "learning_rate", self.learning_rate > 0, "above 0")
        require(self, "pad", self.pad >= 0, "0 or more")
        require(self, "rotation", 0 <= self.rotation <= 180, "between 0 and 180 degrees")
        require(self, "zoom", 0 <= self.zoom < 1, "between 0 and 1")
        require(self, "views", self.views in VIEWS, f"one of {', '.join(VIEWS)}")
        require(self, "flip", competition.mirror or not self.flip, "False: here a mirrored image is another thing")
        views(self.views, competition.mirror)
        offset = "crop" in self.views
        require(self, "views", self.pad > 0 or not offset, "'centre' or 'mirror' where pad is 0: all crops are one")

    def smoke(self) -> Self:
        small = (min(32, self.size[0]), min(32, self.size[1]))  # predicting every row at full size takes minutes
        return dataclasses.replace(super().smoke(), size=small, epochs=1, views="centre")

    @property
    def approach(self) -> str:
        return "network"

    def architecture(self, classes: Callable[[], int]) -> keras.Model:
        from harness import networks

        height, width = self.size
        return networks.build(self.network, height, width, 3, classes())

    def fit(self, fold: Fold) -> Array:
        from harness.training.fit import fit

        return fit(self, fold)
