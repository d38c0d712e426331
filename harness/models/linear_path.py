"""Multinomial logistic regression for deep features: many columns, few rows, several penalties at once.

The objective is scikit-learn's: C × the sum of log losses + half the squared weights, without a penalty on the
intercept. L-BFGS minimises it, with float32 products over one standardised copy of the training rows. The values of C
are fitted in ascending order, and each fit starts from an extrapolation of the last two solutions. If there are few
rows, they are first rotated onto their own principal axes.

Sources: Liu & Nocedal, On the limited memory BFGS method (1989); predicting a path's next solution, Park & Hastie,
L1-regularization path algorithm for generalized linear models (2007); the rotation, Hastie & Tibshirani, Efficient
quadratic regularization for expression arrays (2004).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from harness.data.cache.rows import Rows
from harness.models.linear import Model, blocks

Array = np.ndarray

MOST_ROTATED = 4096  # rows; the arrays of their eigendecomposition take half a gigabyte


def fit_path(
    features: Rows,
    labels: Array,
    classes: int,
    cs: Sequence[float],
    *,
    rows: Array | None = None,
    iterations: int = 1000,
    tolerance: float = 3e-5,
    fitted: Callable[[], object] = lambda: None,
) -> list[Model]:
    """Fit one model for each C, from the smallest to the largest.

    Memory: one float32 copy of the rows, blocks of a few MiB, and about twenty times the weights in float64.

    Args:
        features: (n, d) numbers, an array or anything indexed like one, such as a memmap.
        labels: (n,) class numbers; only those of ``rows`` are read.
        classes: the number of classes; a class without rows gets a probability close to 0.
        cs: inverse strengths of the L2 penalty.
        rows: the row numbers used to fit and to standardise; None for all rows.
        iterations: the largest number of L-BFGS steps for each C.
        tolerance: L-BFGS stops when no gradient is larger, in units in which the mean log loss has a curvature of about
            1 or less.
        fitted: called after each C.

    Raises:
        ValueError: there is nothing to fit, a C is not above 0, a label is not a class number, or a feature is not
            finite.
    """
    rows = np.arange(len(features)) if rows is None else rows
    labels = np.asarray(labels)[rows]
    if classes < 2 or not len(rows):
        raise ValueError(f"at least 2 classes and 1 row are needed. Received: {classes} classes, {len(rows)} rows")
    if not len(cs) or min(cs) <= 0:
        raise ValueError(f"cs must be one or more numbers above 0. Received: {cs}")
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"labels must be from 0 to {classes - 1}. Received: {labels.min()} to {labels.max()}")

    x, mean, scale = _standardised(features, rows)
    # With two classes there is one column, the logit of the second class: scikit-learn penalises only its weights.
    prior = np.log(np.maximum(np.bincount(labels, minlength=classes), 0.5) / len(rows))
    prior = prior[1:] - prior[:1] if classes == 2 else prior
    basis, back = _rotated(x) if _rotation_pays(len(rows), len(mean), len(prior)) else (x, None)

    models: list[Model] = []
    path: list[tuple[float, Array]] = [(0.0, np.vstack([np.zeros((basis.shape[1], len(prior))), prior]))]
    for c in sorted(set(cs)):
        with _one_pool_of_threads():
            path.append((c, _minimise(basis, labels, c, _start(path, c), iterations, tolerance)))
        del path[:-2]
        weights: Array = path[-1][1][:-1].astype(np.float32)
        intercept: Array = path[-1][1][-1].astype(np.float32)
        if back is not None:
            weights = x.T @ (back @ weights)
        if classes == 2:
            weights, intercept = np.hstack([-weights, weights]) / 2, np.hstack([-intercept, intercept]) / 2
        models.append(Model(mean, scale, weights, intercept, float(c)))
        fitted()
    return models


def _standardised(features: Rows, rows: Array) -> tuple[Array, Array, Array]:
    """A copy of the rows with mean 0 and deviation 1 in each column; the means; the deviations."""
    n, d = len(rows), features.shape[1]
    x = np.empty((n, d), np.float32)
    total, squares = np.zeros(d), np.zeros(d)
    for block in blocks(n, d):
        x[block] = features[rows[block]]
        total += x[block].sum(axis=0, dtype=np.float64)
    mean = (total / n).astype(np.float32)
    if not np.isfinite(mean).all():
        raise ValueError(f"{int((~np.isfinite(mean)).sum()):,} of {d:,} features are not finite numbers in every row")
    for block in blocks(n, d):
        x[block] -= mean
        squares += np.einsum("ij,ij->j", x[block], x[block])
    deviation = np.sqrt(squares / n)
    # A constant column is left with rounding errors only; dividing by their deviation would turn them into noise.
    scale = np.where(deviation > 1e-6 * np.abs(mean), deviation, 1).astype(np.float32)
    for block in blocks(n, d):
        x[block] /= scale
    return x, mean, scale


def _rotation_pays(n: int, d: int, columns: int) -> bool:
    """Whether an eigendecomposition (n³) costs less than it saves in about 200 evaluations (n·(d - n)·columns)."""
    return n < d and n <= MOST_ROTATED and n * n < 200 * (d - n) * columns


def _rotated(x: Array) -> tuple[Array, Array]:
    """Rotate fewer rows than columns onto their own principal axes: the rotated rows and ``back``, (n, rank) each.

    The penalised weights are a linear combination of the rows, so nothing is lost, and each evaluation is d/n times as
    fast. ``back`` converts weights: w on the axes are ``x.T @ (back @ w)`` on the columns.
    """
    n, d = x.shape
    gram = np.zeros((n, n))
    for block in blocks(d, n):
        part = x[:, block].astype(np.float64)
        gram += part @ part.T
    squares, vectors = np.linalg.eigh(gram)
    nonzero = squares > 1e-10 * squares[-1]
    vectors, lengths = vectors[:, nonzero], np.sqrt(squares[nonzero])
    return (vectors * lengths).astype(np.float32), (vectors / lengths).astype(np.float32)


def _start(path: list[tuple[float, Array]], c: float) -> Array:
    """The starting point for C, extrapolated from the last two solutions linearly in log C; it halves the work."""
    (previous_c, previous), (last_c, last) = path[0], path[-1]
    if previous_c in (0, last_c):
        return last
    return last + min(np.log(c / last_c) / np.log(last_c / previous_c), 1) * (last - previous)


@contextlib.contextmanager
def _one_pool_of_threads() -> Iterator[None]:
    """Limit SciPy's BLAS to one thread, so that NumPy's products have all cores.

    SciPy's wheel contains its own BLAS, whose threads keep spinning after each step of L-BFGS. On two cores, NumPy's
    products would take 2.5 times as long.
    """
    import scipy.linalg  # noqa: F401  (loads that BLAS, so that threadpoolctl finds it)
    from threadpoolctl import ThreadpoolController

    pools = ThreadpoolController()
    files = [pool["filepath"] for pool in pools.info()]
    with pools.select(filepath=[file for file in files if Path(file).parent.name.startswith("scipy")]).limit(limits=1):
        yield


def _minimise(x: Array, labels: Array, c: float, start: Array, iterations: int, tolerance: float) -> Array:
    """Minimise the mean log loss + |weights|² / 2cn: weights, and the intercept as last row, (d + 1, columns) float64.

    L-BFGS works on variables that are scaled by the square root of their curvature at the starting point.
    """
    from scipy.optimize import minimize

    n = len(x)
    penalty = 1 / (c * n)

    def loss_and_residuals(solution: Array) -> tuple[float, Array]:
        single = solution.astype(np.float32)
        return _log_loss(x @ single[:-1] + single[-1], labels)

    spread = np.abs(loss_and_residuals(start)[1])
    curvature = max(float((spread * (1 - spread)).mean()), 1e-6)
    squares = np.einsum("ij,ij->j", x, x) / n
    scale = np.sqrt(np.append(curvature * squares + penalty, curvature))[:, None]

    def objective(point: Array) -> tuple[float, Array]:
        solution = point.reshape(start.shape) / scale
        weights = solution[:-1]
        loss, residuals = loss_and_residuals(solution)
        gradient = np.vstack([(residuals.T @ x).T / n + penalty * weights, residuals.mean(axis=0, dtype=np.float64)])
        return loss + penalty / 2 * float(np.vdot(weights, weights)), (gradient / scale).ravel()

    # ftol=0, because in float32 the loss stops falling measurably before the gradient is small.
    options = {"maxiter": iterations, "maxfun": 2 * iterations, "gtol": tolerance, "ftol": 0}
    minimum = minimize(objective, (start * scale).ravel(), jac=True, method="L-BFGS-B", options=options)
    return minimum.x.reshape(start.shape) / scale


def _log_loss(logits: Array, labels: Array) -> tuple[float, Array]:
    """The mean log loss in float64, and the residuals, probabilities minus truth: (n, columns) float32."""
    from scipy.special import expit

    if logits.shape[1] == 1:
        is_second = labels[:, None] == 1
        loss = np.logaddexp(0, np.where(is_second, -logits, logits))
        return float(loss.mean(dtype=np.float64)), expit(logits) - is_second
    rows = np.arange(len(labels))
    logits -= logits.max(axis=1, keepdims=True)
    exponentials = np.exp(logits)
    total = exponentials.sum(axis=1)
    loss = np.log(total) - logits[rows, labels]
    residuals = exponentials / total[:, None]
    residuals[rows, labels] -= 1
    return float(loss.mean(dtype=np.float64)), residuals
