"""Choosing C on the folds: our path against scikit-learn's grid search of a standardising pipeline."""

from __future__ import annotations

import numpy as np
from common import rounds, verdict
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from harness.models.linear import GRID, probabilities
from harness.models.linear_path import fit_path
from harness.scoring.metrics import METRICS

Array = np.ndarray


def projected(rows: int, width: int) -> tuple[Array, Array]:
    """Digits through a random rectified layer: (rows, width) features of ten classes."""
    random = np.random.default_rng(0)
    pixels, labels = load_digits(return_X_y=True)
    features = np.maximum(pixels / 8 @ random.normal(size=(64, width)) / 8, 0)
    return features[:rows].astype(np.float32), labels[:rows]


def photographed(rows: int, width: int) -> tuple[Array, Array]:
    """Rectified features of two classes that look apart, but one row in a hundred looks like the other class."""
    random = np.random.default_rng(0)
    labels = random.integers(2, size=rows)
    decay = np.arange(1, 257) ** -0.5
    inner = decay * (random.normal(size=(rows, 256)) * 3 + 0.9 * random.normal(size=(2, 256))[labels])
    noise = random.normal(size=(rows, width), scale=0.3) - 0.2
    features = np.maximum(inner @ random.normal(size=(256, width)) / 8 + noise, 0).astype(np.float32)
    return features, np.where(random.random(rows) < 0.01, 1 - labels, labels)


def compare(name: str, features: Array, labels: Array) -> None:
    folds = list(StratifiedKFold(3, shuffle=True, random_state=0).split(features, labels))
    losses = {}

    def ours() -> None:
        total = np.zeros(len(GRID))
        for train, validation in folds:
            models = fit_path(features, labels, int(labels.max()) + 1, GRID, rows=train)
            found = probabilities(models, features, validation)
            total += [METRICS["log_loss"].score(labels[validation], each) / len(folds) for each in found]
        losses.update(zip(GRID, total, strict=True))

    usual = searching(folds)
    took = rounds({"ours": ours, "usual": lambda: usual.fit(features, labels)}, times=2)
    # With its own tolerance the search stops before the larger C have converged, which is another regularisation.
    converged = searching(folds, tol=1e-6).fit(features.astype(np.float64), labels)
    theirs = dict(zip(GRID, -converged.cv_results_["mean_test_score"], strict=True))
    chosen = min(losses, key=losses.__getitem__)
    print(
        f"  {name}: {features.shape[0]:,} × {features.shape[1]:,}, {labels.max() + 1} classes, {len(GRID)} C, 3 folds"
    )
    print(f"  ours: {took['ours']:.2f} s, C={chosen:g}, log loss {losses[chosen]:.4f}")
    for what, search in (("as it comes", usual), ("converged", converged)):
        best = search.best_params_["logisticregression__C"]
        print(f"  the grid search {what}: C={best:g}, log loss {-search.best_score_:.4f}")
    verdict("seconds, the grid search as it comes over ours", took["usual"] / took["ours"], 3)
    verdict("C, ours over the converged grid search's", chosen / converged.best_params_["logisticregression__C"], 1)
    difference = abs(losses[chosen] - theirs[chosen])
    verdict("log loss at that C, difference", difference, 1e-3, at_least=False)


def searching(folds: list, **settings) -> GridSearchCV:
    return GridSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=20_000, **settings)),
        {"logisticregression__C": GRID},
        scoring="neg_log_loss",
        cv=folds,
        refit=False,
    )


def main() -> None:
    compare("like photographs of two kinds", *photographed(4000, 1280))
    compare("digits, projected", *projected(1797, 1280))


if __name__ == "__main__":
    main()
