"""Logistic regression on pixels: the baseline every network has to beat."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from harness.data.cache.rows import Rows
from harness.data.fold import Fold
from harness.models import linear
from harness.recipes.recipe import Array, ImageRecipe
from harness.recipes.with_columns import WithColumns
from harness.utils.errors import require


@dataclass(frozen=True, kw_only=True)
class LogisticRegression(WithColumns, ImageRecipe):
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
        from sklearn.preprocessing import StandardScaler

        scaler = StandardScaler(copy=False)
        self.fit_columns(fold)
        features = scaler.fit_transform(self._features(fold)[fold.train].astype(np.float32))
        labels = fold.labels[fold.train]
        with warnings.catch_warnings():
            # Stopping after `iterations` is a setting, not an accident.
            warnings.filterwarnings("ignore", category=UserWarning)
            model = FITS[fold.targets.link](features, labels, self.c, self.iterations)
        linear.write(fold.folder / "models.h5", [linear.of_sklearn(scaler, model, self.c, fold.targets.link)])
        return self.predict(fold)

    def predict(self, fold: Fold) -> Array:
        (model,) = linear.read(fold.folder / "models.h5")
        return linear.probabilities([model], self._features(fold), fold.predicted())[0]

    def _features(self, fold: Fold) -> Rows:
        return self.with_columns(fold)(_Pixels(self.cache(fold).images))


def _multinomial(features: Array, labels: Array, c: float, iterations: int) -> Any:
    from sklearn.linear_model import LogisticRegression as Classifier

    return Classifier(C=c, max_iter=iterations).fit(features, labels)


def _one_a_label(features: Array, labels: Array, c: float, iterations: int) -> Any:
    """A regression a label; one that all rows have, or none, keeps about that frequency."""
    from sklearn.linear_model import LogisticRegression as Classifier

    count, columns = labels.shape
    weights, intercepts = np.zeros((columns, features.shape[1])), np.zeros(columns)
    for number, column in enumerate(labels.T):
        if len(np.unique(column)) > 1:
            model = Classifier(C=c, max_iter=iterations).fit(features, column)
            weights[number], intercepts[number] = model.coef_[0], model.intercept_[0]
        else:
            intercepts[number] = np.log(2 * count - 1) * (1 if column[0] else -1)
    return SimpleNamespace(coef_=weights, intercept_=intercepts)


def _ridge(features: Array, values: Array, c: float, iterations: int) -> Any:
    from sklearn.linear_model import Ridge

    return Ridge(alpha=1 / c).fit(features, values)


FITS = {"softmax": _multinomial, "sigmoid": _one_a_label, "identity": _ridge}


class _Pixels:
    """Rows of images as rows of numbers."""

    def __init__(self, images: Rows) -> None:
        self.images = images
        self.shape = (len(images), math.prod(images.shape[1:]))

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: Array | slice | int) -> Array:
        return self.images[rows].reshape(-1, self.shape[1])
