"""A competitor's own metric, made in ``competition.py``: of a function, or of weights of labels."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np

from harness.data.targets.links import CLIP
from harness.scoring.metrics import multilabel
from harness.scoring.metrics.metric import RowMetric, Scorer, SetMetric
from harness.scoring.metrics.registry import METRICS
from harness.utils.fingerprint import source

Array = np.ndarray

# A competitor's function may be slow, and is called once a draw.
SAMPLES = 500


def own_metric(
    function: Callable[[Array, Array], float],
    *,
    title: str,
    higher_is_better: bool,
    judges: Literal["probabilities", "order", "ranking", "classes"] = "probabilities",
    classes: int | None = None,
) -> str:
    """Make a function a metric; for ``metric=own_metric(…)`` in ``competition.py``.

    Args:
        function: (labels, predictions) to the score: (n,) class numbers and (n, classes) probabilities; of several
            labels an image, (n, labels) of 0 and 1 and as many probabilities; of a number, (n,) and (n, 1). It is
            called once a bootstrap draw, with the rows drawn, some of them several times; NaN says that these rows have
            no score.
        title: the name in messages and tables.
        higher_is_better: the direction.
        judges: what the score depends on, as in ``Metric``.
        classes: how many classes there must be; None for any number.

    Returns:
        The metric's name. It holds a hash of the function's file, so that scores by an older function are made again.
    """
    file = Path(inspect.getfile(function))
    code = hashlib.blake2b(source(file, file.stat().st_mtime_ns), digest_size=4).hexdigest()
    name = f"{file.parent.name}.{function.__name__}-{code}"

    def scorer(labels: Array, probabilities: Array) -> Scorer:
        def score(drawn: Array) -> float:
            rows = np.repeat(np.arange(len(drawn)), drawn)
            return float(function(labels[rows], probabilities[rows]))

        return score

    METRICS[name] = SetMetric(
        name=name,
        title=title,
        higher_is_better=higher_is_better,
        judges=judges,
        low=-np.inf,
        high=np.inf,
        classes=classes,
        kinds=("multiclass", "ordinal", "multilabel", "regression"),
        scorer=scorer,
        samples=SAMPLES,
        by_threads=False,  # nobody asked the function to be fit for that
    )
    return name


def weighted_log_loss(*weights: float) -> str:
    """The log loss of several labels with a weight a label; for ``metric=weighted_log_loss(2, 1, 1)``.

    Args:
        weights: one a label, in the data set's order; their sum does not matter.

    Returns:
        The metric's name.
    """
    shares = np.array(weights, np.float64) / sum(weights)
    name = f"log_loss_weighted_{'_'.join(f'{weight:g}' for weight in weights)}"
    METRICS[name] = RowMetric(
        name=name,
        title="weighted log loss",
        higher_is_better=False,
        judges="probabilities",
        high=float(-np.log(CLIP)),
        classes=len(weights),
        kinds=multilabel.KINDS,
        rows=lambda labels, probabilities: multilabel.cell_losses(labels, probabilities) @ shares,
    )
    return name
