"""Linear models for deep features: many columns, few rows, several penalties at once.

One class an image: multinomial logistic regression. Several labels: one logistic regression a label. A number: ridge.
The objective is scikit-learn's: C × the sum of losses + half the squared weights, without a penalty on the intercept;
the loss of a number is half its squared error, so that C is 1/alpha of ridge. L-BFGS minimises it, with float32
products over one standardised copy of the training rows. The values of C are fitted in ascending order, and each fit
starts from an extrapolation of the last two solutions. If there are few rows, they are first rotated onto their own
principal axes. Ridge needs no steps: one eigendecomposition serves all C.

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

# L-BFGS stops when no gradient is larger, in units in which the mean log loss has a curvature of about 1 or less.
TOLERANCE = 3e-5
MOST_ROTATED = 4096  # rows; the arrays of their eigendecomposition take half a gigabyte


def fit_path(
    features: Rows,
    labels: Array,
    classes: int,
    cs: Sequence[float],
    *,
    rows: Array | None = None,
    iterations: int = 1000,
    fitted: Callable[[], object] = lambda: None,
    link: str = "softmax",
) -> list[Model]:
    """Fit one model for each C, from the smallest to the largest.

    Memory: one float32 copy of the rows, blocks of a few MiB, and about twenty times the weights in float64.

    Args:
        features: (n, d) numbers, an array or anything indexed like one, such as a memmap.
        labels: (n,) class numbers, (n, labels) of 0 and 1, or (n,) numbers; only those of ``rows`` are read.
        classes: the number of columns of predictions; a class without rows gets a probability close to 0.
        cs: inverse strengths of the L2 penalty.
        rows: the row numbers used to fit and to standardise; None for all rows.
        iterations: the largest number of L-BFGS steps for each C.
        fitted: called after each C.
        link: of the predictions: "softmax" (one class), "sigmoid" (several labels) or "identity" (a number).

    Raises:
        ValueError: there is nothing to fit, a C is not above 0, a label is not a class number, or a feature is not
            finite.
    """
    rows = np.arange(len(features)) if rows is None else rows
    labels = np.asarray(labels)[rows]
    if not len(rows) or (classes < 2 and link == "softmax"):
        raise ValueError(f"at least 2 classes and 1 row are needed. Received: {classes} classes, {len(rows)} rows")
    if not len(cs) or min(cs) <= 0:
        raise ValueError(f"cs must be one or more numbers above 0. Received: {cs}")
    if link != "identity" and (labels.min() < 0 or labels.max() >= (classes if link == "softmax" else 2)):
        raise ValueError(f"labels must be from 0 to {classes - 1}. Received: {labels.min()} to {labels.max()}")

    x, mean, scale = _standardised(features, rows)
    if link == "identity":
        return [Model(mean, scale, *solution, link=link) for solution in ridge_path(x, labels, cs, fitted)]
    prior = _prior(labels, classes, link)
    basis, back = _rotated(x) if _rotation_pays(len(rows), len(mean), len(prior)) else (x, None)

    models: list[Model] = []
    path: list[tuple[float, Array]] = [(0.0, np.vstack([np.zeros((basis.shape[1], len(prior))), prior]))]
    for c in sorted(set(cs)):
        with _one_pool_of_threads():
            path.append((c, _minimise(basis, labels, c, _start(path, c), iterations)))
        del path[:-2]
        weights: Array = path[-1][1][:-1].astype(np.float32)
        intercept: Array = path[-1][1][-1].astype(np.float32)
        if back is not None:
            weights = x.T @ (back @ weights)
        if classes == 2 and link == "softmax":
            weights, intercept = np.hstack([-weights, weights]) / 2, np.hstack([-intercept, intercept]) / 2
        models.append(Model(mean, scale, weights, intercept, float(c), link))
        fitted()
    return models


def _prior(labels: Array, classes: int, link: str) -> Array:
    """The intercepts of a model that knows only how frequent classes are.

    With two classes there is one column, the logit of the second class: scikit-learn penalises only its weights.
    """
    if link == "sigmoid":
        share = np.clip(labels.mean(axis=0), 0.5 / len(labels), 1 - 0.5 / len(labels))
        return np.log(share / (1 - share))
    prior = np.log(np.maximum(np.bincount(labels, minlength=classes), 0.5) / len(labels))
    return prior[1:] - prior[:1] if classes == 2 else prior


def ridge_path(
    x: Array, values: Array, cs: Sequence[float], fitted: Callable[[], object]
) -> Iterator[tuple[Array, Array, float]]:
    """Ridge regressions with alpha = 1/C: (d, 1) weights, (1,) intercept and C of each, C ascending.

    Args:
        x: (n, d) float32, each column with mean 0.
        values: (n,) numbers.
        cs: inverse strengths of the L2 penalty.
        fitted: called after each C.
    """
    n, d = x.shape
    centre = float(values.mean())
    if n < d:  # in the rows' space: the same solution by the smaller matrix
        basis, back = _rotated(x)
        squares = np.einsum("ij,ij->j", basis, basis, dtype=np.float64)
        along = basis.T.astype(np.float64) @ (values - centre)
    else:
        gram = np.zeros((d, d))
        towards = np.zeros(d)
        for block in blocks(n, d):
            part = x[block].astype(np.float64)
            gram += part.T @ part
            towards += part.T @ (values[block] - centre)
        squares, back = np.linalg.eigh(gram)
        along = back.T @ towards
    for c in sorted(set(cs)):
        solution = along / (np.maximum(squares, 0) + 1 / c)
        weights = x.T @ (back @ solution) if n < d else back @ solution
        yield weights[:, None].astype(np.float32), np.array([centre], np.float32), float(c)
        fitted()


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


def _minimise(x: Array, labels: Array, c: float, start: Array, iterations: int) -> Array:
    """Minimise the mean log loss + |weights|² / 2cn: weights, and the intercept as last row, (d + 1, columns) float64.

    L-BFGS works on variables that are scaled by the square root of their curvature at the starting point.
    """
    from scipy.optimize import minimize

    n = len(x)
    penalty = 1 / (c * n)

    log_loss = _log_loss if labels.ndim == 1 else _multilabel_loss

    def loss_and_residuals(solution: Array) -> tuple[float, Array]:
        single = solution.astype(np.float32)
        return log_loss(x @ single[:-1] + single[-1], labels)

    spread = np.abs(loss_and_residuals(start)[1])
    squares = np.einsum("ij,ij->j", x, x) / n
    if labels.ndim == 1:
        curvature = max(float((spread * (1 - spread)).mean()), 1e-6)
        scale = np.sqrt(np.append(curvature * squares + penalty, curvature))[:, None]
    else:  # labels are problems of their own: rare ones curve less
        curvatures = np.maximum((spread * (1 - spread)).mean(axis=0), 1e-6)
        scale = np.sqrt(np.vstack([squares[:, None] * curvatures + penalty, curvatures]))

    def objective(point: Array) -> tuple[float, Array]:
        solution = point.reshape(start.shape) / scale
        weights = solution[:-1]
        loss, residuals = loss_and_residuals(solution)
        gradient = np.vstack([(residuals.T @ x).T / n + penalty * weights, residuals.mean(axis=0, dtype=np.float64)])
        return loss + penalty / 2 * float(np.vdot(weights, weights)), (gradient / scale).ravel()

    # ftol=0, because in float32 the loss stops falling measurably before the gradient is small.
    options = {"maxiter": iterations, "maxfun": 2 * iterations, "gtol": TOLERANCE, "ftol": 0}
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


def _multilabel_loss(logits: Array, labels: Array) -> tuple[float, Array]:
    """The log losses of all labels summed, mean over rows, and the residuals: (n, labels) float32."""
    from scipy.special import expit

    residuals = expit(logits)
    residuals -= labels
    # log(1 + e^z) - y z, without overflow
    np.multiply(labels, logits, out=(products := np.empty_like(logits)))
    loss = np.logaddexp(0, logits, out=logits).sum(dtype=np.float64) - products.sum(dtype=np.float64)
    return float(loss / len(labels)), residuals
