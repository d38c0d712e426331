"""Choosing C on the folds: our path against scikit-learn's grid search of a standardising pipeline."""

from __future__ import annotations

import numpy as np
from common import rounds, verdict
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from harness.linear import GRID, cross_validate

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
    search = GridSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=10_000)),
        {"logisticregression__C": GRID},
        scoring="neg_log_loss",
        cv=folds,
        refit=False,
    )
    found = {}

    def ours() -> None:
        found["ours"] = cross_validate(features, labels, int(labels.max()) + 1, folds)

    took = rounds({"ours": ours, "theirs": lambda: search.fit(features, labels)})
    chosen = found["ours"]
    theirs = dict(zip(GRID, -search.cv_results_["mean_test_score"], strict=True))
    print(f"  {name}: {features.shape[0]:,} × {features.shape[1]:,}, {labels.max() + 1} classes")
    print(f"  ours {took['ours']:.2f} s, the grid search {took['theirs']:.2f} s; C={chosen.c:g}, log loss", end=" ")
    print(f"{chosen.scores[chosen.c]:.4f}; the grid search C={search.best_params_['logisticregression__C']:g}")
    verdict("seconds, the grid search over ours", took["theirs"] / took["ours"], 3)
    verdict("C, ours over the grid search's", chosen.c / search.best_params_["logisticregression__C"], 1)
    verdict("log loss at that C, difference", abs(chosen.scores[chosen.c] - theirs[chosen.c]), 1e-3, at_least=False)


def main() -> None:
    compare("like photographs of two kinds", *photographed(4000, 1280))
    compare("digits, projected", *projected(1797, 1280))
    compare("digits, fewer rows than columns", *projected(600, 8192))


if __name__ == "__main__":
    main()
