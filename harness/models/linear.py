"""Fitted linear models (logistic regressions, ridge): their predictions, and the file that keeps them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.data.cache.rows import Rows
from harness.data.targets.links import LINKS
from harness.utils.hdf5 import whole_h5

Array = np.ndarray

# The published grids, for unscaled features: of VGG16 on Flowers-17 and of ResNet50 on Dogs vs Cats.
VGG16_GRID = (0.1, 1.0, 10.0, 100.0, 1000.0, 10000.0)
RESNET50_GRID = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
# For standardised features. The best C was 0.03 for Dogs vs Cats, and 3 for Lite2 on Flowers-17 with 60 images a class.
GRID = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0, 10.0)


BLOCK_NUMBERS = 2**20  # numbers in a block of rows: 4 MiB of float32


@dataclass(frozen=True, eq=False)
class Model:
    """A fitted linear model: multinomial logistic regression, one logistic regression a label, or ridge regression.

    Args:
        mean, scale: (d,) float32, the standardisation of the features.
        weights: (d, classes) float32, for the standardised features.
        intercept: (classes,) float32.
        c: the inverse strength of the L2 penalty.
        link: from scores to predictions, a key of ``harness.data.targets.links.LINKS``.
    """

    mean: Array
    scale: Array
    weights: Array
    intercept: Array
    c: float
    link: str = "softmax"


def probabilities(models: Sequence[Model], features: Rows, rows: Array | None = None) -> Array:
    """Predictions, computed in blocks of rows: (models, rows, columns) float32.

    Args:
        models: the models of one path; they share their standardisation.
        features: (n, d), an array or anything indexed like one.
        rows: the row numbers to predict; None for all rows.
    """
    rows = np.arange(len(features)) if rows is None else rows
    mean, scale = models[0].mean, models[0].scale
    by_model = np.empty((len(models), len(rows), len(models[0].intercept)), np.float32)
    for block in blocks(len(rows), len(mean)):
        x = (np.asarray(features[rows[block]], np.float32) - mean) / scale
        for model_probabilities, model in zip(by_model, models, strict=True):
            model_probabilities[block] = LINKS[model.link].predictions(x @ model.weights + model.intercept)
    return by_model


def of_sklearn(scaler: Any, classifier: Any, c: float, link: str = "softmax") -> Model:
    """The model that a fitted ``StandardScaler`` and a fitted linear model of all columns make."""
    weights, intercept = np.atleast_2d(classifier.coef_).T, np.atleast_1d(classifier.intercept_)
    if len(intercept) == 1 and link == "softmax":  # of two classes, scikit-learn keeps the second one's logit
        weights, intercept = np.hstack([-weights, weights]) / 2, np.hstack([-intercept, intercept]) / 2
    mean, scale = np.asarray(scaler.mean_, np.float32), np.asarray(scaler.scale_, np.float32)
    return Model(mean, scale, np.asarray(weights, np.float32), np.asarray(intercept, np.float32), float(c), link)


def write(file: Path, models: Sequence[Model]) -> None:
    """Write the models of one path to an HDF5 file as plain arrays, atomically."""
    with whole_h5(file) as h5:
        h5["mean"], h5["scale"], h5["c"] = models[0].mean, models[0].scale, [model.c for model in models]
        h5["weights"] = np.stack([model.weights for model in models])
        h5["intercept"] = np.stack([model.intercept for model in models])
        h5.attrs["link"] = models[0].link


def read(file: Path) -> list[Model]:
    """Read the models of a file.

    Raises:
        OSError, KeyError: the file is missing, damaged, or of another kind.
    """
    import h5py

    with h5py.File(file, "r") as h5:
        mean, scale = h5["mean"][:], h5["scale"][:]
        link = str(h5.attrs.get("link", "softmax"))  # the only one before there were others
        parameters = zip(h5["weights"][:], h5["intercept"][:], h5["c"][:], strict=True)
        return [Model(mean, scale, weights, intercept, float(c), link) for weights, intercept, c in parameters]


def blocks(rows: int, columns: int) -> Iterator[slice]:
    """Slices of so many rows as have at most ``BLOCK_NUMBERS`` numbers."""
    step = max(1, BLOCK_NUMBERS // columns)
    return (slice(start, start + step) for start in range(0, rows, step))
