"""How a network is trained on each fold: settings that networks from scratch and fine-tuned backbones share."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

from harness.data.views import views
from harness.recipes.recipe import Array, Fold, ImageRecipe, require
from harness.recipes.settings import plain

if TYPE_CHECKING:
    import keras

    from harness.data.image_cache import ImageCache

OptimizerName = Literal["sgd", "rmsprop", "adam", "adagrad", "adadelta", "nadam"]
# Settings and modules that leave a fold's weights as they are: how it is asked, and how many other folds there are.
PREDICTING = frozenset(
    {"folds", "views", "average", "data.views", "ensembles.combine", "inference", "training.predict", "training.views"}
)


@dataclass(frozen=True, kw_only=True)
class Trained(ImageRecipe):
    """A network trained on each fold; the fold's validation part says which epoch was the best.

    Args:
        crop: (height, width) of patches taken at random from the cached images; None takes them whole.
        pad: before that, the image's edges are repeated outwards by so many pixels.
        flip: mirror training images at random.
        rotation: turn training images at random by up to so many degrees.
        zoom: scale their height and width at random by up to this fraction.
        shear: slant them at random by up to this fraction.
        shift: move them at random by up to this fraction of their size.
        cutout: blank a square of so many pixels at random.
        mixup, cutmix: mix training images and their labels in pairs, by shares drawn from Beta(mixup, mixup).
        smoothing: this share of each label is spread over all classes.
        balanced: have rare classes count as much as common ones.
        epochs: passes over the training rows, at most.
        best: which epoch's weights are used: that of the lowest log loss or the highest accuracy on the fold's
            validation part, or the last.
        patience: stop after so many epochs without a better one.
        batch: images a step; halved where the device's memory does not hold so many.
        optimizer: by name.
        momentum, nesterov: of "sgd".
        weight_decay: taken from the kernels at each step, times the learning rate; norms and biases are left alone.
        ema: average the weights over steps with this momentum, and use the averages; 0 does not.
        learning_rate: its largest value.
        schedule: how the learning rate goes over the epochs; see ``harness.training.schedules``.
        power: of "polynomial".
        rates: of "steps": (until epoch, learning rate), …
        decay: of "time".
        cycles: of "cycles"; there is a checkpoint at the end of each, for ``snapshots``.
        mixed: compute in bfloat16, keep weights in float32: for GPUs.
        checkpoint: keep a checkpoint every so many epochs; they are of the weights' size, times 2 or 3.
        views: the views whose answers are averaged: keys of ``harness.data.views.VIEWS``, joined by "+"; "random"
            draws from the augmentation that the settings above make, without ``cutout``.
        average: what is averaged over the views.
    """

    crop: tuple[int, int] | None = None
    pad: int = 0
    flip: bool = False
    rotation: float = 0.0
    zoom: float = 0.0
    shear: float = 0.0
    shift: float = 0.0
    cutout: int = 0
    mixup: float = 0.0
    cutmix: float = 0.0
    smoothing: float = 0.0
    balanced: bool = False
    epochs: int
    best: Literal["loss", "accuracy", "last"] = "loss"
    patience: int = 10
    batch: int = 64
    optimizer: OptimizerName = "sgd"
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 0.0
    ema: float = 0.0
    learning_rate: float
    schedule: Literal["constant", "linear", "polynomial", "steps", "time", "cosine", "one_cycle", "cycles"] = "constant"
    power: float = 1.0
    rates: tuple[tuple[int, float], ...] = ()
    decay: float = 0.0
    cycles: int = 1
    mixed: bool = False
    checkpoint: int = 5
    views: str = "centre"
    average: Literal["probabilities", "logits"] = "probabilities"

    @property
    def modules(self) -> tuple[str, ...]:
        parts = (
            "augmentation",
            "checkpoint",
            "feed",
            "fit",
            "model",
            "objective",
            "optimizers",
            "predict",
            "schedules",
            "views",
        )
        training = tuple(f"training.{part}" for part in parts)
        return ("backend", "data.batches", "data.views", "ensembles.combine", "inference", *training)

    @property
    def training(self) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The settings and the modules that decide the weights: while they stay, nothing is trained again."""
        settings = {name: value for name, value in plain(self).items() if name not in PREDICTING}
        return settings, tuple(module for module in self.modules if module not in PREDICTING)

    @property
    def cycle(self) -> int:
        """Epochs from one start of the learning rate to the next."""
        return self.epochs // self.cycles if self.schedule == "cycles" else self.epochs

    @property
    def input_size(self) -> tuple[int, int]:
        """(height, width) of what the network is given."""
        return self.crop or self.size

    def check(self, competition) -> None:
        super().check(competition)
        for setting in ("epochs", "patience", "batch", "cycles", "checkpoint"):
            require(self, setting, getattr(self, setting) >= 1, "at least 1")
        require(self, "learning_rate", self.learning_rate > 0, "above 0")
        for setting in ("pad", "shift", "shear", "weight_decay", "power", "decay", "mixup"):
            require(self, setting, getattr(self, setting) >= 0, "0 or more")
        for setting in ("zoom", "smoothing", "momentum", "ema"):
            require(self, setting, 0 <= getattr(self, setting) < 1, "at least 0 and below 1")
        given = "crop" if self.crop else "size"
        require(self, given, min(self.input_size) >= self.smallest, f"at least {self.smallest},{self.smallest}")
        padded = [side + 2 * self.pad for side in self.size]
        fits = all(patch <= side for patch, side in zip(self.input_size, padded, strict=True))
        require(self, "crop", fits, f"at most the cached images' {padded[0]},{padded[1]}")
        require(self, "rotation", 0 <= self.rotation <= 180, "between 0 and 180 degrees")
        require(self, "cutout", 0 <= self.cutout <= min(self.input_size), "between 0 and the images' shorter side")
        require(self, "cutmix", 0 <= self.cutmix <= 1, "between 0 and 1")
        require(self, "cutmix", not (self.cutmix and self.mixup), "0 where mixup is in use")
        self._check_schedule()
        require(self, "flip", competition.mirror or not self.flip, "False: here a mirrored image is another thing")
        one = self.pad == 0 and self.crop in (None, self.size)
        moved = any((self.flip, self.rotation, self.zoom, self.shear, self.shift))
        views(self.views, competition.mirror, drawn=moved or not one)
        require(
            self, "views", not ("crop" in self.views and one), "without crops where pad is 0: there all crops are one"
        )

    def _check_schedule(self) -> None:
        ends = [until for until, _ in self.rates]
        wanted = self.schedule != "steps" or (
            bool(ends) and ends == sorted(set(ends)) and ends[0] >= 1 and all(rate > 0 for _, rate in self.rates)
        )
        require(self, "rates", wanted, "rising epochs with rates above 0, such as ((40, 1e-3), (60, 1e-4))")
        if self.schedule == "cycles":
            require(self, "cycles", self.epochs % self.cycles == 0, f"a divisor of the {self.epochs} epochs")
            require(self, "best", self.best == "last", "'last' where the learning rate goes in cycles: each must end")

    def smoke(self) -> Self:
        # Predicting every row at full size takes minutes.
        side = max(32, self.smallest)
        height, width = (min(side, length) for length in self.input_size)
        return dataclasses.replace(
            super().smoke(),
            size=(height, width),
            crop=None,
            cutout=min(self.cutout, height, width),
            epochs=self.epochs // self.cycle,  # as many as there are cycles, so that snapshots stay
            views="centre",
        )

    @property
    def smallest(self) -> int:
        """The shortest side, in pixels, of the images the network can take."""
        raise NotImplementedError(f"{type(self).__name__} must say smallest")

    def assemble(self, classes: int, cache: ImageCache, train: Array) -> keras.Model:
        """The network with its weights of before training: (n, height, width, 3) floats of 0…255 in, probabilities out.

        Args:
            classes: how many there are.
            cache: the images.
            train: rows to train on; how pixels are scaled may come from these alone.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement assemble")

    def fit(self, fold: Fold) -> Array:
        from harness.training.fit import fit

        return fit(self, fold)
