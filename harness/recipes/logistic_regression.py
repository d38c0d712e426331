"""Logistic regression on pixels: the baseline every network has to beat."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np

from harness.data.cache.rows import Rows
from harness.data.fold import Fold
from harness.models import linear, linear_path
from harness.recipes.recipe import Array, ImageRecipe
from harness.utils.errors import require


@dataclass(frozen=True, kw_only=True)
class LogisticRegression(ImageRecipe):
    """Standardised pixels into multinomial logistic regression; a label each for several; ridge for a number.

    Args:
        c: inverse strength of the L2 penalty.
        iterations: at most so many steps of L-BFGS.
    """

    c: float = 1.0
    iterations: int = 200

    @property
    def key_steps(self) -> tuple[str, ...]:
        return (*super().key_steps, "logistic_regression")

    def check(self, competition) -> None:
        super().check(competition)
        require(self, "c", self.c > 0, "above 0")
        require(self, "iterations", self.iterations >= 1, "at least 1")

    def fit(self, fold: Fold) -> Array:
        if fold.targets.link == "softmax":
            models = [self._multinomial(fold)]
        else:
            pixels, link = _Pixels(self.cache(fold).images), fold.targets.link
            models = linear_path.fit_path(
                pixels,
                fold.labels,
                len(fold.classes),
                (self.c,),
                rows=fold.train,
                iterations=self.iterations,
                link=link,
            )
        linear.write(fold.folder / "models.h5", models)
        return self.predict(fold)

    def _multinomial(self, fold: Fold) -> linear.Model:
        from sklearn.linear_model import LogisticRegression as Classifier
        from sklearn.preprocessing import StandardScaler

        train = fold.train
        scaler = StandardScaler(copy=False)
        features = scaler.fit_transform(_Pixels(self.cache(fold).images)[train].astype(np.float32))
        model = Classifier(C=self.c, max_iter=self.iterations)
        with warnings.catch_warnings():
            # Stopping after `iterations` is a setting, not an accident.
            warnings.filterwarnings("ignore", category=UserWarning)
            model.fit(features, fold.labels[train])
        return linear.of_sklearn(scaler, model, self.c)

    def predict(self, fold: Fold) -> Array:
        (model,) = linear.read(fold.folder / "models.h5")
        return linear.probabilities([model], _Pixels(self.cache(fold).images), fold.predicted())[0]


class _Pixels:
    """Rows of images as rows of numbers."""

    def __init__(self, images: Rows) -> None:
        self.images = images
        self.shape = (len(images), math.prod(images.shape[1:]))

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: Array | slice | int) -> Array:
        return self.images[rows].reshape(-1, self.shape[1])
