"""Features of a pretrained network into logistic regression, or ridge regression of a number."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from harness.data.cache.rows import Rows
from harness.data.fold import Fold
from harness.ensembles.combine import averaged
from harness.models import linear, linear_path
from harness.models.backbones import BACKBONES, find
from harness.models.backbones.backbone import Layer, Precision, Storage
from harness.models.power import raised
from harness.recipes.recipe import Array
from harness.recipes.with_columns import WithColumns
from harness.tta.views import CENTRE, View, views
from harness.tta.worth import ViewPredictions
from harness.utils.console import progress
from harness.utils.errors import UserError, require

if TYPE_CHECKING:
    import keras

    from harness.data.cache.cache import Input
    from harness.models.backbones.features import Features

SMOKE_SIDE = 64


@dataclass(frozen=True, kw_only=True)
class FeatureRegression(WithColumns):
    """What one or more backbones make of the images, standardised, into a linear model.

    It is multinomial logistic regression for one class an image, a logistic regression a label for several, and ridge
    regression for a number.

    The penalty is chosen by cross-validation on the folds themselves: each fold is fitted for the whole grid, and the
    C whose predictions have the lowest log loss out of fold (of a number: squared error) is taken, with those
    predictions.

    Of several views, the regression is fitted to the centre, as without them, and the answers to all are averaged.
    Averages of logits are the answers to averaged features, for the logits are linear in the features as raised.

    Args:
        backbone: a key of ``harness.models.backbones.BACKBONES``, or several, whose features stand side by side.
        side: the height and width images are brought to; None takes those that each backbone was trained on.
        layers: the layers tapped of every backbone, by name or index (``harness inspect``); none: each one's default.
        tta: the views whose answers are averaged: keys of ``harness.tta.views.VIEWS`` joined by "+", not "random".
            For crops, images are brought to 8/7 of ``side`` first.
        average: what is averaged over the views.
        power: features are raised to it, each with its sign, before they are standardised; 0.5 takes square roots.
            Source: harness/models/power.py.
        c: the inverse penalties C to choose from; one is taken as it is.
        precision: "bfloat16" trades exactness for speed on processors that have instructions for it.
        storage: of the cached features; "float16" takes half the room.
    """

    backbone: str | tuple[str, ...]
    side: int | None = None
    layers: tuple[Layer, ...] = ()
    tta: str = "centre"
    average: Literal["probabilities", "logits"] = "probabilities"
    power: float = 1.0
    c: tuple[float, ...] = linear.GRID
    precision: Precision = "float32"
    storage: Storage = "float32"

    @property
    def key_steps(self) -> tuple[str, ...]:
        averaged = ("tta", "averages") if self.tta != CENTRE.name else ()
        return (*super().key_steps, "feature_regression", *averaged)

    @property
    def backbones(self) -> tuple[str, ...]:
        return (self.backbone,) if isinstance(self.backbone, str) else self.backbone

    @property
    def features(self) -> tuple[Features, ...]:
        """The features of each backbone."""
        from harness.models.backbones.features import Features

        return tuple(
            Features(backbone, self.side, self.layers, self.tta, self.precision, self.storage)
            for backbone in self.backbones
        )

    @property
    def looks(self) -> tuple[View, ...]:
        """The views, in the order of the features."""
        return self.features[0].looks

    def inputs(self) -> tuple[Input, ...]:
        return self.features

    def check(self, competition) -> None:
        super().check(competition)
        names = self.backbones
        known = len(names) > 0 and all(name in BACKBONES for name in names)
        require(self, "backbone", known, f"one or more of {', '.join(BACKBONES)}")
        require(self, "backbone", len(set(names)) == len(names), "each backbone once")
        require(self, "side", self.side is None or self.side >= 32, "at least 32, or None for the backbone's own")
        require(self, "power", 0 < self.power <= 1, "above 0, at most 1")
        require(self, "c", len(self.c) > 0 and min(self.c) > 0, "one or more numbers above 0")
        views(self.tta, competition.hflip_safe, drawn=False)

    def smoke(self) -> Self:
        # All images are looked at, limit or no limit: at this size in a twelfth of the time.
        return dataclasses.replace(super().smoke(), side=min(self.side or SMOKE_SIDE, SMOKE_SIDE), tta="centre")

    @property
    def pretrained(self) -> bool:
        return True

    @property
    def approach(self) -> str:
        return "early features" if self.layers else "features"

    def architecture(self, classes: Callable[[], int]) -> keras.Model:
        if len(self.backbones) > 1:
            raise UserError(
                f"{type(self).__name__}: {len(self.backbones)} backbones stand side by side.",
                f"look at one: harness inspect {self.backbones[0]}",
            )
        return find(self.backbones[0], self.side).network(weights=False)

    def variants(self) -> tuple[dict[str, Any], ...]:
        return tuple({"c": c} for c in sorted(set(self.c)))

    def fit(self, fold: Fold) -> Array:
        self.fit_columns(fold)
        features = self._by_view(fold)
        train = fold.train
        with progress(f"{fold.title}, fitting", len(self.variants()), "C") as bar:
            models = linear_path.fit_path(
                features[self.looks.index(CENTRE)],
                fold.labels,
                len(fold.classes),
                self.c,
                rows=train,
                fitted=lambda: bar.update(1),
                link=fold.targets.link,
            )
        linear.write(fold.folder / "models.h5", models)
        probabilities = self._probabilities(models, fold)
        if len(features) > 1:
            validated = probabilities[:, :, : len(fold.validation)]
            names = tuple(view.name for view in self.looks)
            ViewPredictions(self.tta, names, self.average, fold.validation, validated).write(fold.folder)
        return self._averaged(probabilities, fold)

    def predict(self, fold: Fold) -> Array:
        return self._averaged(self._probabilities(linear.read(fold.folder / "models.h5"), fold), fold)

    def _by_view(self, fold: Fold) -> list[Rows]:
        """The features of each view, those of all backbones and the columns side by side: (n, d) each."""
        rows = [np.asarray(fold.caches[features].rows) for features in self.features]
        views = len(self.looks)
        by_view = [[one[:, number] for one in rows] for number in range(views)] if views > 1 else [rows]
        return [*map(self.with_columns(fold), (SideBySide(one, self.power) for one in by_view))]

    def _probabilities(self, models: list[linear.Model], fold: Fold) -> Array:
        """(variants, views, rows, classes)."""
        return np.stack(
            [linear.probabilities(models, rows_of_view, fold.predicted()) for rows_of_view in self._by_view(fold)],
            axis=1,
        )

    def _averaged(self, probabilities: Array, fold: Fold) -> Array:
        weights = [view.weight for view in self.looks]
        averages = [averaged(variant, self.average, fold.targets.link, weights) for variant in probabilities]
        return np.stack(averages).astype(np.float32)


class SideBySide:
    """Features of one or more backbones, put together and raised where they are read: all may be more than memory.

    Args:
        parts: (n, d) numbers each.
        power: that they are raised to.
    """

    def __init__(self, parts: Sequence[Rows], power: float = 1.0) -> None:
        self.parts = parts
        self.power = power
        self.shape = (parts[0].shape[0], sum(part.shape[1] for part in parts))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Array | slice | int) -> Array:
        read = [part[rows] for part in self.parts]
        return raised(read[0] if len(read) == 1 else np.concatenate(read, axis=-1), self.power)
