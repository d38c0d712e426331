"""Weighted averages of probabilities: arithmetic, geometric, of ranks and of votes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from harness.scoring.metrics import CLIP

Array = np.ndarray

# If the votes for classes differ by less than this, the mean probability decides.
TIED = 1e-3


class Combiner(Protocol):
    """A fitted ensemble."""

    def __call__(self, members: Array) -> Array:
        """From the members' probabilities (m, n, k) to the ensemble's (n, k); each row sums to one."""

    def about(self) -> dict[str, Any]:
        """The fitted values, for a JSON file."""


@dataclass(frozen=True)
class Average:
    """A weighted average.

    Args:
        weights: (m,) not negative; they are divided by their sum.
        how: a key of ``AVERAGES``.
    """

    weights: Array
    how: str = "mean"

    def __call__(self, members: Array) -> Array:
        return AVERAGES[self.how](members, self.weights / self.weights.sum())

    def about(self) -> dict[str, Any]:
        return {"weights": (self.weights / self.weights.sum()).tolist()}


def _mean(members: Array, weights: Array) -> Array:
    return _normal(sum(weight * member.astype(np.float64) for weight, member in zip(weights, members, strict=True)))


def _geometric(members: Array, weights: Array) -> Array:
    """The normalised weighted product. Zeros are raised to ``CLIP``, or one member could rule out a class."""
    logs = sum(weight * np.log(np.clip(member, CLIP, 1)) for weight, member in zip(weights, members, strict=True))
    return _normal(np.exp(logs - logs.max(axis=1, keepdims=True)))


def _rank(members: Array, weights: Array) -> Array:
    """The mean of ranks: each probability is replaced by its rank among all rows of its class, whatever its scale.

    Ranks are among the given rows, those of one fold where out-of-fold rows are combined fold by fold. Equal values get
    their mean rank. Each row is scaled to sum to one.
    """
    from scipy.stats import rankdata

    return _mean(np.stack([rankdata(member, axis=0) / len(member) for member in members]), weights)


def _vote(members: Array, weights: Array) -> Array:
    """The share of the votes for each class."""
    votes = np.stack([np.eye(member.shape[1])[member.argmax(axis=1)] for member in members])
    return (_mean(votes, weights) + TIED * _mean(members, weights)) / (1 + TIED)


def _normal(rows: Array) -> Array:
    return rows / rows.sum(axis=1, keepdims=True)


AVERAGES: dict[str, Callable[[Array, Array], Array]] = {
    "mean": _mean,
    "geometric": _geometric,
    "rank": _rank,
    "vote": _vote,
}


def equal(members: Array, of: str) -> Array:
    """The average with equal weights: (m, n, k) probabilities to (n, k). A single member is returned unchanged.

    Args:
        members: (m, n, k) probabilities.
        of: what is averaged, "probabilities" or "logits". Averaging logits gives the normalised geometric mean of the
            probabilities.
    """
    if len(members) == 1:
        return members[0]
    return Average(np.ones(len(members)), {"probabilities": "mean", "logits": "geometric"}[of])(members)
