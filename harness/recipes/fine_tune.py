"""A pretrained network that is trained on: first a new head on it, then its last layers too."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from harness.data.fold import Fold
from harness.models.backbones import BACKBONES, find
from harness.models.backbones.backbone import Backbone, Layer
from harness.recipes.recipe import Array
from harness.recipes.trained import Trained
from harness.training.settings import OptimizerName
from harness.utils.errors import require

if TYPE_CHECKING:
    import keras

    from harness.data.cache.image_cache import ImageCache


@dataclass(frozen=True, kw_only=True)
class FineTune(Trained):
    """A backbone and a fully connected head, trained in two stages.

    In the frozen stage, which comes first, only the head learns: its first, random steps would spoil what the
    backbone knows. Then the backbone's layers from ``unfreeze`` on learn too, with the settings that all trained
    networks have. Its batch norms stay as they came throughout: batches are too small to better their statistics.

    Source: Rosebrock, Deep Learning for Computer Vision with Python, Practitioner Bundle (2017), the settings too.

    Args:
        backbone: a key of ``harness.models.backbones.BACKBONES``.
        layers: whose outputs the head gets, by name or index; none: the backbone's default one.
        head: units of the head's hidden layer; a dropout follows it, and the layer of classes.
        dropout: its share.
        unfreeze: the first of the backbone's layers that learn after the frozen stage, by name or by index as
            ``harness inspect`` prints it; None leaves all frozen.
        frozen_epochs: epochs of the frozen stage, at most; 0 begins with the second stage.
        frozen_optimizer: the optimizer of the frozen stage, by name.
        frozen_learning_rate: its learning rate, constant.
    """

    backbone: str
    layers: tuple[Layer, ...] = ()
    head: int = 256
    dropout: float = 0.5
    unfreeze: Layer | None
    frozen_epochs: int = 25
    frozen_optimizer: OptimizerName = "rmsprop"
    frozen_learning_rate: float = 1e-3

    @property
    def training_steps(self) -> tuple[str, ...]:
        return (*super().training_steps, "fine_tune", "backbones", *self._backbone.steps)

    def ingredients(self) -> dict[str, Any]:
        backbone = self._backbone
        return {"backbone": backbone, "weights": backbone.weights_fingerprint()}

    def check(self, competition) -> None:
        require(self, "backbone", self.backbone in BACKBONES, f"one of {', '.join(BACKBONES)}")
        super().check(competition)
        height, width = self.input_size
        require(self, "crop" if self.crop else "size", height == width, "as high as wide, for backbones are square")
        require(self, "head", self.head >= 1, "at least 1")
        require(self, "dropout", 0 <= self.dropout < 1, "at least 0 and below 1")
        require(self, "frozen_epochs", self.frozen_epochs >= 0, "0 or more")
        require(self, "frozen_learning_rate", self.frozen_learning_rate > 0, "above 0")

    def smoke(self) -> Self:
        return dataclasses.replace(super().smoke(), frozen_epochs=min(self.frozen_epochs, 1))

    @property
    def smallest(self) -> int:
        return 32

    @property
    def pretrained(self) -> bool:
        return True

    @property
    def approach(self) -> str:
        return "fine-tune"

    def architecture(self, classes: Callable[[], int]) -> keras.Model:
        return self._with_head(classes(), weights=False)

    def assemble(self, classes: int, cache: ImageCache, train: Array) -> keras.Model:
        # How pixels are scaled is the backbone's: it has learnt with that.
        return self._with_head(classes, weights=True)

    def frozen_stage(self) -> Self:
        """The first stage as a recipe of its own."""
        return dataclasses.replace(
            self,
            unfreeze=None,
            epochs=self.frozen_epochs,
            optimizer=self.frozen_optimizer,
            learning_rate=self.frozen_learning_rate,
            schedule="constant",
            frozen_epochs=0,
        )

    def fit(self, fold: Fold) -> Array:
        from harness.training.checkpoint import CheckpointStore
        from harness.training.loop import fit, train

        start = None
        if self.frozen_epochs and CheckpointStore(fold.folder / "checkpoints").latest() is None:
            first = self.frozen_stage()
            folder = fold.folder / "frozen-stage"
            stage = dataclasses.replace(fold, title=f"{fold.title}, frozen stage", folder=folder, watch=None)
            start = train(first, stage).get_weights()
        return fit(self, fold, start)

    @property
    def _backbone(self) -> Backbone:
        return find(self.backbone, self.input_size[0])

    def _with_head(self, classes: int, *, weights: bool) -> keras.Model:
        import keras

        base = self._backbone.tunable(self.layers, self.unfreeze, weights=weights)
        pixels = keras.Input((*self.input_size, 3))
        x = keras.layers.Dense(self.head, activation="relu", name="head")(base(pixels))
        x = keras.layers.Dropout(self.dropout, name="dropout")(x)
        outputs = keras.layers.Dense(classes, activation="softmax", dtype="float32", name="predictions")(x)
        return keras.Model(pixels, outputs, name="network")
