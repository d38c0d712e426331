"""A competitor's own metric: a function in ``competition.py``."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np

from harness.scoring.metrics.metric import Scorer, SetMetric
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
        function: (labels (n,) class numbers, probabilities (n, classes)) to the score. It is called once a bootstrap
            draw, with the rows drawn, some of them several times; NaN says that these rows have no score.
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
        scorer=scorer,
        samples=SAMPLES,
    )
    return name
