"""Multinomial logistic regression for deep features: many columns, few rows, several penalties at once.

The objective is scikit-learn's: C × the sum of log losses + half the squared weights, the intercept free. L-BFGS
minimises it in float32 products over one standardised copy of the training rows, for all C from the smallest, each
from where the last two solutions lead. Where rows are few, they are first rotated onto their own principal axes.

Sources: Liu & Nocedal, On the limited memory BFGS method (1989); predicting a path's next solution, Park & Hastie,
L1-regularization path algorithm for generalized linear models (2007); the rotation, Hastie & Tibshirani, Efficient
quadratic regularization for expression arrays (2004).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.data.rows import Rows
from harness.files import whole

Array = np.ndarray

# Published with features as they come: VGG16's on Flowers-17, ResNet50's on Dogs vs Cats.
VGG16_GRID = (0.1, 1.0, 10.0, 100.0, 1000.0, 10000.0)
RESNET50_GRID = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
# Of standardised features: .03 was best for Dogs vs Cats, 3 for Lite2's of Flowers-17 with its 60 images a class.
GRID = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0, 10.0)

BLOCK_NUMBERS = 2**20  # in a block of rows: 4 MiB of float32
MOST_ROTATED = 4096  # rows; the eigendecomposition's arrays then take half a gigabyte


@dataclass(frozen=True, eq=False)
class Model:
    """A fitted logistic regression.

    Args:
        mean, scale: (d,) float32, what standardises the features.
        weights: (d, classes) float32, of the standardised features.
        intercept: (classes,) float32.
        c: inverse strength of the L2 penalty it was fitted with.
    """

    mean: Array
    scale: Array
    weights: Array
    intercept: Array
    c: float


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

    Memory: one float32 copy of the rows, blocks of a few MiB, and some twenty times the weights in float64.

    Args:
        features: (n, d) numbers, an array or anything indexed like one, such as a memmap.
        labels: (n,) class numbers; only those of ``rows`` are looked at.
        classes: how many there are; one without rows gets next to no probability.
        cs: inverse strengths of the L2 penalty.
        rows: row numbers to fit, and to standardise, on; None takes all.
        iterations: at most so many steps of L-BFGS for each C.
        tolerance: the largest gradient to stop at, in units in which the mean log loss curves by about 1 or less.
        fitted: called after each C.

    Raises:
        ValueError: there is nothing to fit, a C is not above 0, a label is no class, or a feature is not finite.
    """
    rows = np.arange(len(features)) if rows is None else rows
    labels = np.asarray(labels)[rows]
    if classes < 2 or not len(rows):
        raise ValueError(f"at least 2 classes and 1 row are wanted. Received: {classes} classes, {len(rows)} rows")
    if not len(cs) or min(cs) <= 0:
        raise ValueError(f"cs must be one or more numbers above 0. Received: {cs}")
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"labels must be from 0 to {classes - 1}. Received: {labels.min()} to {labels.max()}")

    x, mean, scale = _standardised(features, rows)
    # Two classes have one column, the second's logit over the first's, whose weight alone scikit-learn penalises.
    prior = np.log(np.maximum(np.bincount(labels, minlength=classes), 0.5) / len(rows))
    prior = prior[1:] - prior[:1] if classes == 2 else prior
    basis, back = _rotated(x) if _rotation_pays(len(rows), len(mean), len(prior)) else (x, None)

    models: list[Model] = []
    path: list[tuple[float, Array]] = [(0.0, np.vstack([np.zeros((basis.shape[1], len(prior))), prior]))]
    for c in sorted(set(cs)):
        with _one_pool_of_threads():
            path.append((c, _minimise(basis, labels, c, _predicted(path, c), iterations, tolerance)))
        del path[:-2]
        found: Array = path[-1][1][:-1].astype(np.float32)
        free: Array = path[-1][1][-1].astype(np.float32)
        if back is not None:
            found = x.T @ (back @ found)
        if classes == 2:
            found, free = np.hstack([-found, found]) / 2, np.hstack([-free, free]) / 2
        models.append(Model(mean, scale, found, free, float(c)))
        fitted()
    return models


def probabilities(models: Sequence[Model], features: Rows, rows: Array | None = None) -> Array:
    """Class probabilities, by blocks of rows: (models, rows, classes) float32.

    Args:
        models: of one path, which standardise alike.
        features: (n, d), an array or anything indexed like one.
        rows: row numbers to predict; None takes all.
    """
    from scipy.special import softmax

    rows = np.arange(len(features)) if rows is None else rows
    mean, scale = models[0].mean, models[0].scale
    found = np.empty((len(models), len(rows), len(models[0].intercept)), np.float32)
    for block in _blocks(len(rows), len(mean)):
        x = (np.asarray(features[rows[block]], np.float32) - mean) / scale
        for each, model in zip(found, models, strict=True):
            each[block] = softmax(x @ model.weights + model.intercept, axis=1)
    return found


def write(file: Path, models: Sequence[Model]) -> None:
    """Keep the models of one path as plain arrays in an HDF5 file, written whole."""
    import h5py

    with whole(file) as temporary, h5py.File(temporary, "w", libver=("v108", "v108")) as h5:
        h5["mean"], h5["scale"], h5["c"] = models[0].mean, models[0].scale, [model.c for model in models]
        h5["weights"] = np.stack([model.weights for model in models])
        h5["intercept"] = np.stack([model.intercept for model in models])


def read(file: Path) -> list[Model]:
    """The models kept in a file.

    Raises:
        OSError, KeyError: the file is missing, damaged or another.
    """
    import h5py

    with h5py.File(file, "r") as h5:
        mean, scale = h5["mean"][:], h5["scale"][:]
        each = zip(h5["weights"][:], h5["intercept"][:], h5["c"][:], strict=True)
        return [Model(mean, scale, weights, intercept, float(c)) for weights, intercept, c in each]


def _blocks(rows: int, columns: int) -> Iterator[slice]:
    step = max(1, BLOCK_NUMBERS // columns)
    return (slice(start, start + step) for start in range(0, rows, step))


def _standardised(features: Rows, rows: Array) -> tuple[Array, Array, Array]:
    """The rows with mean 0 and deviation 1 in each column, the one copy made; the means; the deviations."""
    n, d = len(rows), features.shape[1]
    x = np.empty((n, d), np.float32)
    total, squares = np.zeros(d), np.zeros(d)
    for block in _blocks(n, d):
        x[block] = features[rows[block]]
        total += x[block].sum(axis=0, dtype=np.float64)
    mean = (total / n).astype(np.float32)
    if not np.isfinite(mean).all():
        raise ValueError(f"{int((~np.isfinite(mean)).sum()):,} of {d:,} features are not finite numbers in every row")
    for block in _blocks(n, d):
        x[block] -= mean
        squares += np.einsum("ij,ij->j", x[block], x[block])
    deviation = np.sqrt(squares / n)
    # What is left of a constant column is rounding; divided by itself it would be noise.
    scale = np.where(deviation > 1e-6 * np.abs(mean), deviation, 1).astype(np.float32)
    for block in _blocks(n, d):
        x[block] /= scale
    return x, mean, scale


def _rotation_pays(n: int, d: int, columns: int) -> bool:
    """Whether an eigendecomposition (n³) costs less than what it saves in some 200 evaluations (n·(d - n)·columns)."""
    return n < d and n <= MOST_ROTATED and n * n < 200 * (d - n) * columns


def _rotated(x: Array) -> tuple[Array, Array]:
    """Fewer rows than columns on their own principal axes, and the way back for weights: (n, rank) float32 each.

    The penalised weights are a sum of the rows, so nothing is lost on these axes, and each evaluation is d/n times as
    fast. Weights w on the axes are ``x.T @ (back @ w)`` on the columns.
    """
    n, d = x.shape
    gram = np.zeros((n, n))
    for block in _blocks(d, n):
        part = x[:, block].astype(np.float64)
        gram += part @ part.T
    squares, vectors = np.linalg.eigh(gram)
    real = squares > 1e-10 * squares[-1]
    vectors, lengths = vectors[:, real], np.sqrt(squares[real])
    return (vectors * lengths).astype(np.float32), (vectors / lengths).astype(np.float32)


def _predicted(path: list[tuple[float, Array]], c: float) -> Array:
    """Where to start for C: on along the line through the last two solutions over log C, which halves the work."""
    (before, older), (last, newer) = path[0], path[-1]
    if before in (0, last):
        return newer
    return newer + min(np.log(c / last) / np.log(last / before), 1) * (newer - older)


@contextlib.contextmanager
def _one_pool_of_threads() -> Iterator[None]:
    """Leave the cores to NumPy's products.

    SciPy's wheel has a BLAS of its own, whose threads go on spinning after each step of L-BFGS: on two cores the
    products then take 2.5 times as long.
    """
    import scipy.linalg  # noqa: F401  (loads that BLAS, so that it is found)
    from threadpoolctl import ThreadpoolController

    pools = ThreadpoolController()
    files = [pool["filepath"] for pool in pools.info()]
    with pools.select(filepath=[file for file in files if Path(file).parent.name.startswith("scipy")]).limit(limits=1):
        yield


def _minimise(x: Array, labels: Array, c: float, start: Array, iterations: int, tolerance: float) -> Array:
    """What minimises the mean log loss + |weights|² / 2cn: weights with the intercept below, (d + 1, columns) float64.

    L-BFGS works on variables scaled by the root of the curvature that the start has along each of them.
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

    # ftol=0: in float32 the loss stops falling visibly before the gradient is small.
    options = {"maxiter": iterations, "maxfun": 2 * iterations, "gtol": tolerance, "ftol": 0}
    found = minimize(objective, (start * scale).ravel(), jac=True, method="L-BFGS-B", options=options)
    return found.x.reshape(start.shape) / scale


def _log_loss(logits: Array, labels: Array) -> tuple[float, Array]:
    """The mean log loss in float64, and probabilities less truth: (n, columns) float32."""
    from scipy.special import expit

    if logits.shape[1] == 1:
        second = labels[:, None] == 1
        loss = np.logaddexp(0, np.where(second, -logits, logits))
        return float(loss.mean(dtype=np.float64)), expit(logits) - second
    each = np.arange(len(labels))
    logits -= logits.max(axis=1, keepdims=True)
    exponentials = np.exp(logits)
    total = exponentials.sum(axis=1)
    loss = np.log(total) - logits[each, labels]
    residuals = exponentials / total[:, None]
    residuals[each, labels] -= 1
    return float(loss.mean(dtype=np.float64)), residuals
