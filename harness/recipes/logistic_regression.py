"""Logistic regression on pixels: the baseline every network has to beat."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from harness.data.fold import Fold
from harness.recipes.recipe import Array, ImageRecipe
from harness.utils.errors import require


@dataclass(frozen=True, kw_only=True)
class LogisticRegression(ImageRecipe):
    """Standardised pixels into multinomial logistic regression.

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
        from sklearn.linear_model import LogisticRegression as Classifier
        from sklearn.preprocessing import StandardScaler

        images = self.cache(fold).images

        def pixels(rows: Array) -> Array:
            return images[rows].reshape(len(rows), -1).astype(np.float32)

        train = fold.train
        scaler = StandardScaler(copy=False)
        features = scaler.fit_transform(pixels(train))
        model = Classifier(C=self.c, max_iter=self.iterations)
        with warnings.catch_warnings():
            # Stopping after `iterations` is a setting, not an accident.
            warnings.filterwarnings("ignore", category=UserWarning)
            model.fit(features, fold.labels[train])
        del features
        rows = fold.predicted()
        # By blocks, so that memory does not grow with the number of rows to predict.
        parts = [
            model.predict_proba(scaler.transform(pixels(part))) for part in np.array_split(rows, len(rows) // 4096 + 1)
        ]
        return np.concatenate(parts).astype(np.float32)
