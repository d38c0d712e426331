"""Linear models find scikit-learn's optimum and C, and look at no row but those they are given."""

from __future__ import annotations

import signal
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from harness.models import linear, linear_path
from harness.models.linear import Model, probabilities
from harness.models.linear_path import fit_path
from harness.scoring.metrics import METRICS

LOG_LOSS = METRICS["log_loss"]
CS = (1e-3, 1e-2, 1e-1, 1.0)


def load(loader) -> tuple[np.ndarray, np.ndarray, int]:
    features, labels = loader(return_X_y=True)
    return features[:600].astype(np.float32), labels[:600], int(labels.max()) + 1


def synthetic(n: int, d: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rectified features of overlapping classes."""
    random = np.random.default_rng(seed)
    labels = random.integers(classes, size=n)
    inner = random.normal(size=(n, 16)) + random.normal(size=(classes, 16))[labels]
    return np.maximum(inner @ random.normal(size=(16, d)) + random.normal(size=(n, d)), 0).astype(np.float32), labels


def folds_of(features, labels, count: int = 3) -> list[tuple[np.ndarray, np.ndarray]]:
    return list(StratifiedKFold(count, shuffle=True, random_state=0).split(features, labels))


def predicted(model: Model, features, rows=None) -> np.ndarray:
    return probabilities([model], features, rows)[0]


def theirs(c: float = 1.0):
    return make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=10_000, tol=1e-7))


@pytest.mark.parametrize("loader", [load_digits, load_breast_cancer])
def test_probabilities_and_losses_are_those_of_scikit_learn(loader):
    features, labels, classes = load(loader)
    train, rest = folds_of(features, labels)[0]
    for model, c in zip(fit_path(features, labels, classes, CS, rows=train), CS, strict=True):
        found = predicted(model, features, rest)
        wanted = theirs(c).fit(features[train].astype(float), labels[train]).predict_proba(features[rest].astype(float))
        assert model.c == c and found.dtype == np.float32
        assert abs(LOG_LOSS.score(labels[rest], found) - LOG_LOSS.score(labels[rest], wanted)) < 1e-3
        assert np.abs(found - wanted).mean() < 1e-3 and np.allclose(found.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("loader", [load_digits, load_breast_cancer])
def test_the_c_chosen_is_that_of_a_grid_search(loader):
    features, labels, classes = load(loader)
    folds = folds_of(features, labels)
    losses = np.zeros(len(CS))
    for train, validation in folds:
        found = probabilities(fit_path(features, labels, classes, CS, rows=train), features, validation)
        losses += [LOG_LOSS.score(labels[validation], each) / len(folds) for each in found]
    search = GridSearchCV(theirs(), {"logisticregression__C": CS}, scoring="neg_log_loss", cv=folds, refit=False)
    search.fit(features.astype(float), labels)
    assert CS[losses.argmin()] == search.best_params_["logisticregression__C"]
    assert np.allclose(losses, np.abs(search.cv_results_["mean_test_score"]), atol=2e-3)


@given(
    st.integers(1, 60), st.integers(1, 40), st.integers(2, 5), st.sampled_from([1e-3, 0.1, 10.0]), st.integers(0, 99)
)
def test_the_gradient_of_the_objective_vanishes(n, d, classes, c, seed):
    features, labels = synthetic(n, d, classes, seed)
    features[:, 0] = 0.1
    model = fit_path(features, labels, classes, (c,))[0]
    x = (features - model.mean) / model.scale
    residuals = predicted(model, features) - np.eye(classes)[labels]
    weights = model.weights
    if classes == 2:
        residuals, weights = residuals[:, 1:], weights[:, 1:] - weights[:, :1]
    curvature = np.sqrt(0.25 + 1 / (c * n))
    assert np.abs(x.T @ residuals / n + weights / (c * n)).max() < 3e-4 * curvature
    assert np.abs(residuals.mean(axis=0)).max() < 3e-4
    assert not weights[0].any()


@pytest.mark.parametrize("classes", [2, 4])
def test_few_rows_are_rotated_without_loss(classes, monkeypatch):
    features, labels = synthetic(120, 700, classes)
    features[1] = features[0]
    rows, rest = np.arange(80), np.arange(80, 120)
    assert linear_path._rotation_pays(80, 700, 1)
    rotated = fit_path(features, labels, classes, CS, rows=rows)
    monkeypatch.setattr(linear_path, "_rotation_pays", lambda *_: False)
    for one, other in zip(rotated, fit_path(features, labels, classes, CS, rows=rows), strict=True):
        losses = [LOG_LOSS.score(labels[rest], predicted(model, features, rest)) for model in (one, other)]
        assert abs(losses[0] - losses[1]) < 1e-3


def test_a_warm_start_ends_where_a_cold_one_does():
    features, labels, classes = load(load_digits)
    for warm in fit_path(features, labels, classes, CS):
        cold = fit_path(features, labels, classes, (warm.c,))[0]
        assert np.abs(predicted(warm, features) - predicted(cold, features)).mean() < 1e-3


def test_the_path_goes_up_whatever_the_order_asked_for():
    features, labels = synthetic(40, 5, 2)
    assert [model.c for model in fit_path(features, labels, 2, (1, 0.1, 1, 0.01))] == [0.01, 0.1, 1]


def test_rows_not_asked_for_are_not_looked_at():
    features, labels = synthetic(90, 20, 3)
    rows = np.arange(0, 90, 2)
    planted, secret = features.copy(), labels.copy()
    planted[1::2], secret[1::2] = np.nan, -1
    for clean, other in zip(
        fit_path(features[rows], labels[rows], 3, CS), fit_path(planted, secret, 3, CS, rows=rows), strict=True
    ):
        for name in ("mean", "scale", "weights", "intercept"):
            assert np.array_equal(getattr(clean, name), getattr(other, name))
    assert np.allclose(clean.mean, features[rows].mean(axis=0), atol=1e-5)
    assert np.allclose(clean.scale, features[rows].std(axis=0), atol=1e-5)


def test_neither_the_order_of_rows_nor_the_size_of_blocks_matters(monkeypatch):
    features, labels, classes = load(load_digits)
    model = fit_path(features, labels, classes, (0.1,))[0]
    wanted = predicted(model, features)
    shuffled = fit_path(features, labels, classes, (0.1,), rows=np.random.default_rng(0).permutation(len(labels)))[0]
    assert np.allclose(predicted(shuffled, features), wanted, atol=2e-3)
    monkeypatch.setattr(linear, "BLOCK_NUMBERS", 1000)
    assert np.allclose(predicted(model, features), wanted, atol=1e-6)
    assert np.allclose(predicted(fit_path(features, labels, classes, (0.1,))[0], features), wanted, atol=2e-3)


def test_constant_columns_change_nothing():
    features, labels = synthetic(80, 6, 3)
    constant = np.tile(np.float32([0, 0.1, -1e6, 1e-20]), (80, 1))
    wider = np.hstack([features, constant])
    plain, wide = (fit_path(found, labels, 3, (1.0,))[0] for found in (features, wider))
    assert not wide.weights[6:].any()
    assert np.allclose(predicted(wide, wider), predicted(plain, features), atol=2e-3)
    nothing = fit_path(constant, labels, 3, (1.0,))[0]
    assert np.allclose(predicted(nothing, constant), np.bincount(labels) / 80, atol=1e-3)


def test_a_class_without_rows_gets_next_to_no_probability():
    features, labels = synthetic(60, 8, 2)
    assert predicted(fit_path(features, labels, 4, (1.0,))[0], features)[:, 2:].max() < 0.02


def test_features_are_copied_once(tmp_path):
    n, d = 4000, 2000
    features = np.lib.format.open_memmap(tmp_path / "features.npy", "w+", np.float32, (n, d))
    features[:] = np.random.default_rng(0).random((n, d), dtype=np.float32)
    labels = np.arange(n) % 2
    tracemalloc.start()
    model = fit_path(features, labels, 2, (1e-3, 1e-2), iterations=3)[-1]
    fitting = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    predicted(model, features)
    predicting = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert fitting < 1.4 * features.nbytes
    assert predicting < 0.6 * features.nbytes


def test_models_come_back_from_the_disk_as_they_were(tmp_path):
    features, labels = synthetic(50, 12, 3)
    models = fit_path(features, labels, 3, (0.3, 3.0))
    linear.write(tmp_path / "models.h5", models)
    again = linear.read(tmp_path / "models.h5")
    assert [model.c for model in again] == [0.3, 3.0]
    assert np.array_equal(probabilities(again, features), probabilities(models, features))
    with pytest.raises(OSError):
        linear.read(tmp_path / "others.h5")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": 1}, "at least 2 classes"),
        ({"rows": np.arange(0)}, "0 rows"),
        ({"cs": ()}, "cs must be"),
        ({"cs": (1.0, 0.0)}, "above 0"),
        ({"labels": np.full(30, 3)}, "from 0 to 2. Received: 3 to 3"),
        ({"features": np.where(np.eye(30, 4) == 1, np.inf, 1)}, "4 of 4 features are not finite"),
    ],
)
def test_what_cannot_be_fitted_is_refused(change, message):
    features, labels = synthetic(30, 4, 3)
    asked = {"features": features, "labels": labels, "classes": 3, "cs": (1.0,)} | change
    with pytest.raises(ValueError, match=message):
        fit_path(**asked)


def test_ctrl_c_stops_it_at_once():
    features, labels = synthetic(4000, 400, 10)

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    started = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            fit_path(features, labels, 10, np.geomspace(1e-4, 1e6, 1000))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - started < 60


# Several labels, and numbers.


@pytest.mark.parametrize(("n", "d"), [(120, 15), (40, 90)])
def test_a_regression_a_label_is_scikit_learns(n: int, d: int):
    random = np.random.default_rng(n)
    features = random.normal(2, 3, (n, d)).astype(np.float32)
    labels = (features[:, :3] + random.normal(0, 3, (n, 3)) > (2, 4, 6)).astype(np.int8)
    labels = np.column_stack([labels, np.zeros(n, np.int8)])  # and one that no row has
    scaled = StandardScaler().fit_transform(features)
    for model in linear_path.fit_path(features, labels, 4, (0.01, 0.3), link="sigmoid"):
        (found,) = linear.probabilities([model], features)
        for number in range(3):
            theirs = LogisticRegression(C=model.c, max_iter=5000, tol=1e-8).fit(scaled, labels[:, number])
            assert np.allclose(found[:, number], theirs.predict_proba(scaled)[:, 1], atol=2e-3)
        assert found[:, 3].max() < 0.05


@pytest.mark.parametrize(("n", "d"), [(120, 15), (40, 90)])
def test_ridge_is_scikit_learns(n: int, d: int, tmp_path):
    random = np.random.default_rng(n)
    features = random.normal(2, 3, (n, d)).astype(np.float32)
    values = 1000 + features[:, 0] * 10 + random.normal(0, 5, n)
    scaled = StandardScaler().fit_transform(features)
    models = linear_path.fit_path(features, values, 1, (1.0, 0.01), link="identity")
    linear.write(tmp_path / "models.h5", models)
    for model, kept in zip(models, linear.read(tmp_path / "models.h5"), strict=True):
        theirs = Ridge(alpha=1 / model.c).fit(scaled, values).predict(scaled)
        for one in (model, kept):
            assert np.allclose(linear.probabilities([one], features)[0, :, 0], theirs, rtol=1e-5)
    assert [model.c for model in models] == [0.01, 1.0]
