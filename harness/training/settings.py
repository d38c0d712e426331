"""The training settings that networks from scratch and fine-tuned backbones share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from harness.data.image_settings import ImageSettings
from harness.tta.views import views
from harness.utils.errors import require

if TYPE_CHECKING:
    import keras

    from harness.data.cache.image_cache import ImageCache

Array = np.ndarray

# What ``mixed_precision`` is before it is decided; only what was decided is in keys and records.
AUTO: Final = "auto"

OptimizerName = Literal["sgd", "rmsprop", "adam", "adagrad", "adadelta", "nadam"]


@dataclass(frozen=True, kw_only=True)
class TrainingSettings(ImageSettings):
    """How a network is trained on a fold. The fold's validation part decides which epoch is the best.

    Args:
        crop: (height, width) of patches cropped at random from the cached images; None uses the whole images.
        pad: before cropping, pad each side by this many pixels.
        edges: what the padding shows: "repeat", the edge pixels again and again; "reflect", the image mirrored there.
        flip: mirror training images at random; "alternating" mirrors half of them in even epochs and the other half in
            odd ones, so that each is seen both ways equally often.
        rotation: rotate training images at random by up to this many degrees.
        zoom: scale their height and width at random by up to this fraction.
        shear: shear them at random by up to this fraction.
        shift: shift them at random by up to this fraction of their size.
        cutout: blank out a square with sides of this many pixels at a random position.
        mixup, cutmix: mix training images and their labels in pairs, with shares drawn from Beta(value, value).
        label_smoothing: this share of each label is spread over all classes.
        class_weight: "balanced" gives all classes equal weight in the loss; None gives all images equal weight.
        epochs: the largest number of passes over the training rows.
        monitor: which epoch's weights are used: the one with the lowest "loss" (log loss) or the highest "accuracy" on
            the fold's validation part, or the "last" one.
        patience: stop after this many epochs without an improvement.
        batch_size: images per step; halved if a batch does not fit into the device's memory.
        replicas: share each batch among so many devices, on JAX; see ``harness.training.replicas``.
        optimizer: the optimizer's name.
        momentum, nesterov: parameters of "sgd".
        coupled_decay, norm_rate, lookahead: further ones of "sgd": weight decay inside the gradient, a multiple of the
            rate for the norms' offsets, and slow weights that the fast ones return to; see ``harness.training.sgd``.
            After lookahead, the batch norms' statistics are measured anew.
        weight_decay: decoupled weight decay of the kernels, multiplied by the learning rate; not for norms and biases.
        ema: the momentum of an exponential moving average of the weights, which is used to predict; 0 for none.
        learning_rate: the largest value of the schedule.
        schedule: the learning rate over the epochs; see ``harness.training.schedules``.
        power: the power of "polynomial".
        milestones: the table of "steps": (until epoch, learning rate), …
        decay: the decay of "time".
        triangle: of "triangle": the share of the rate at the start, the share of all steps at which the peak is
            reached, and the share of the rate at the end.
        cycles: the number of "cycles"; a checkpoint is written at the end of each, for ``snapshots``.
        mixed_precision: compute in bfloat16 and keep the weights in float32; "auto" does where this device has
            instructions for it and a short measurement before training says that it pays.
        checkpoint: epochs between two checkpoints; each takes 2 to 3 times the size of the weights.
        tta: the views whose predictions are averaged: keys of ``harness.tta.views.VIEWS``, joined by "+"; "random"
            draws from the augmentation of these settings, without ``cutout``.
        average: what is averaged over the views.
    """

    crop: tuple[int, int] | None = None
    pad: int = 0
    edges: Literal["repeat", "reflect"] = "repeat"
    flip: bool | Literal["alternating"] = False
    rotation: float = 0.0
    zoom: float = 0.0
    shear: float = 0.0
    shift: float = 0.0
    cutout: int = 0
    mixup: float = 0.0
    cutmix: float = 0.0
    label_smoothing: float = 0.0
    class_weight: Literal["balanced"] | None = None
    epochs: int
    monitor: Literal["loss", "accuracy", "last"] = "loss"
    patience: int = 10
    batch_size: int = 64
    replicas: int = 1
    optimizer: OptimizerName = "sgd"
    momentum: float = 0.9
    nesterov: bool = True
    coupled_decay: float = 0.0
    norm_rate: float = 1.0
    lookahead: bool = False
    weight_decay: float = 0.0
    ema: float = 0.0
    learning_rate: float
    schedule: Literal[
        "constant", "linear", "polynomial", "steps", "time", "cosine", "one_cycle", "triangle", "cycles"
    ] = "constant"
    power: float = 1.0
    milestones: tuple[tuple[int, float], ...] = ()
    decay: float = 0.0
    triangle: tuple[float, float, float] = (0.2, 0.23, 0.07)
    cycles: int = 1
    mixed_precision: bool | Literal["auto"] = field(default=AUTO, metadata={"left_out": False})
    checkpoint: int = 5
    tta: str = "centre"
    average: Literal["probabilities", "logits"] = "probabilities"

    @property
    def cycle(self) -> int:
        """Epochs between two restarts of the learning rate."""
        return self.epochs // self.cycles if self.schedule == "cycles" else self.epochs

    @property
    def augments(self) -> bool:
        """Whether any augmentation is on."""
        augmentations = (self.flip, self.rotation, self.zoom, self.shear, self.shift, self.crop, self.pad, self.cutout)
        return any(augmentations)

    @property
    def needs_fast_sgd(self) -> bool:
        """Whether "sgd" is more than Keras's own."""
        return bool(self.coupled_decay or self.norm_rate != 1 or self.lookahead)

    @property
    def input_size(self) -> tuple[int, int]:
        """(height, width) of the network's input."""
        return self.crop or self.size

    def assemble(self, classes: int, cache: ImageCache, train: Array) -> keras.Model:
        """The network before training: from (n, height, width, 3) floats of 0…255 to (n, columns) softmax.

        Args:
            classes: the number of columns: of classes or labels, or 1 for a number.
            cache: the images.
            train: rows to train on; how pixels are scaled may come from these alone.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement assemble")

    def check_training(self, smallest: int, hflip_safe: bool) -> None:
        """Check that the settings are valid and fit together.

        Args:
            smallest: the shortest side, in pixels, of images that the network accepts.
            hflip_safe: whether a mirrored image still shows the same class.

        Raises:
            UserError: names the setting, the allowed values and the received one.
        """
        for setting in ("epochs", "patience", "batch_size", "replicas", "cycles", "checkpoint"):
            require(self, setting, getattr(self, setting) >= 1, "at least 1")
        shared = self.batch_size % self.replicas == 0
        require(self, "batch_size", shared, f"a multiple of replicas={self.replicas}, which share each batch")
        require(self, "learning_rate", self.learning_rate > 0, "above 0")
        for setting in ("pad", "shift", "shear", "weight_decay", "power", "decay", "mixup"):
            require(self, setting, getattr(self, setting) >= 0, "0 or more")
        for setting in ("zoom", "label_smoothing", "momentum", "ema"):
            require(self, setting, 0 <= getattr(self, setting) < 1, "at least 0 and below 1")
        size_setting = "crop" if self.crop else "size"
        require(self, size_setting, min(self.input_size) >= smallest, f"at least {smallest},{smallest}")
        padded = [side + 2 * self.pad for side in self.size]
        fits = all(patch <= side for patch, side in zip(self.input_size, padded, strict=True))
        require(self, "crop", fits, f"at most the size of the padded images, {padded[0]},{padded[1]}")
        require(self, "rotation", 0 <= self.rotation <= 180, "between 0 and 180 degrees")
        require(self, "cutout", 0 <= self.cutout <= min(self.input_size), "between 0 and the images' shorter side")
        require(self, "cutmix", 0 <= self.cutmix <= 1, "between 0 and 1")
        require(self, "cutmix", not (self.cutmix and self.mixup), "0 if mixup is used")
        self._check_schedule()
        fits = self.optimizer == "sgd" or not self.needs_fast_sgd
        require(self, "optimizer", fits, "'sgd' where coupled_decay, norm_rate or lookahead are given")
        require(self, "coupled_decay", self.coupled_decay >= 0, "0 or more")
        require(self, "norm_rate", self.norm_rate > 0, "above 0")
        reflects = self.edges == "repeat" or self.pad < min(self.size)
        require(self, "pad", reflects, f"below {min(self.size)}, the images' shorter side, if edges is 'reflect'")
        require(
            self, "flip", hflip_safe or not self.flip, "False, because mirroring changes the class in this competition"
        )
        one_crop = self.pad == 0 and self.crop in (None, self.size)
        # Batches come alternately flipped as they are: no layer draws that.
        transforms = any((self.flip is True, self.rotation, self.zoom, self.shear, self.shift))
        views(self.tta, hflip_safe, drawn=transforms or not one_crop)
        several_crops = "crop" in self.tta
        require(
            self, "tta", not (several_crops and one_crop), "without crops, because all crops are the same without pad"
        )

    def _check_schedule(self) -> None:
        ends = [until for until, _ in self.milestones]
        valid = self.schedule != "steps" or (
            bool(ends) and ends == sorted(set(ends)) and ends[0] >= 1 and all(rate > 0 for _, rate in self.milestones)
        )
        require(self, "milestones", valid, "ascending epochs with rates above 0, such as ((40, 1e-3), (60, 1e-4))")
        start, top, end = self.triangle
        inside = 0 <= start <= 1 and 0 < top < 1 and 0 <= end <= 1
        require(self, "triangle", inside, "three shares between 0 and 1, such as 0.2,0.23,0.07")
        if self.schedule == "cycles":
            # Slow weights are for the end of a whole training.
            require(self, "lookahead", not self.lookahead, "False if schedule is 'cycles'")
            require(self, "cycles", self.epochs % self.cycles == 0, f"a divisor of the {self.epochs} epochs")
            require(
                self, "monitor", self.monitor == "last", "'last' if schedule is 'cycles', because each cycle must end"
            )
