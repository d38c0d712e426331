"""The probability of one class of several, without loss of precision."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def positive_value(probabilities: Array, number: int = 1) -> Array:
    """The probability of one class, as exact near 1 as near 0: (n,) float64.

    Near 1 the sum of the others is more exact: in float32, 1 - 1e-10 is 1, which matters for log loss and for order.
    Where the classes do not sum to one, each stands for itself.
    """
    positive = probabilities[:, number].astype(np.float64)
    others = np.delete(probabilities, number, axis=1).sum(axis=1, dtype=np.float64)
    sums_to_one = np.abs(positive + others - 1) < 1e-4
    return np.where((positive > 0.5) & sums_to_one, 1 - np.minimum(others, 1), positive)
