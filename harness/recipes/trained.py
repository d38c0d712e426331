"""A network trained on each fold: what networks from scratch and fine-tuned backbones share."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Self

from harness.data.fold import Fold
from harness.recipes.recipe import Array, ImageRecipe
from harness.training.settings import TrainingSettings
from harness.tta.views import CENTRE
from harness.utils.errors import require
from harness.utils.fingerprint import left_out

# Settings that leave a fold's weights as they are: how it is asked, and how many other folds there are.
PREDICTING = frozenset({"folds", "tta", "average"})


@dataclass(frozen=True, kw_only=True)
class Trained(TrainingSettings, ImageRecipe):
    """A network trained on each fold, with the settings of ``TrainingSettings``."""

    @property
    def key_steps(self) -> tuple[str, ...]:
        # All views but the one in the middle come from the views' code; a random one from the augmentation's too.
        asked = () if self.tta == CENTRE.name else ("tta", "averages")
        drawn = ("augmentation",) if "random" in self.tta else ()
        return (*super().key_steps, *self.training_steps, "prediction", "inference", *asked, *drawn)

    @property
    def training_steps(self) -> tuple[str, ...]:
        """The steps that decide the weights."""
        used = {
            "augmentation": self.augments,
            "mixed_precision": self.mixed_precision is True,
            "norms": self.lookahead,
        }
        return ("fold_runs", "training", *(step for step, is_used in used.items() if is_used))

    @property
    def training(self) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The settings and the steps that decide the weights: while they stay, nothing is trained again."""
        settings = {
            field.name: value
            for field in dataclasses.fields(self)
            if field.name not in PREDICTING and (value := getattr(self, field.name)) != left_out(field)
        }
        return {"kind": type(self).__name__} | settings, self.training_steps

    def check(self, competition) -> None:
        super().check(competition)
        kind = competition.targets
        require(self, "class_weight", kind.link == "softmax" or not self.class_weight, f"None for {kind.name} targets")
        for setting, usual in (("label_smoothing", 0.0), ("monitor", "loss")):
            fits = kind.link != "identity" or getattr(self, setting) in (usual, "last")
            require(self, setting, fits, f"{usual!r} for {kind.name} targets")
        self.check_training(self.smallest, competition.hflip_safe)

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
            tta="centre",
            mixed_precision=self.mixed_precision is True,  # nothing is measured
        )

    @property
    def smallest(self) -> int:
        """The shortest side, in pixels, of the images the network can take."""
        raise NotImplementedError(f"{type(self).__name__} must say smallest")

    def fit(self, fold: Fold) -> Array:
        from harness.training.loop import fit

        return fit(self, fold)

    def predict(self, fold: Fold) -> Array:
        from harness.training import kept
        from harness.training.predict import predict

        return predict(self, fold, kept.read(fold))
