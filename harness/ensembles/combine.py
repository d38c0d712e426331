"""Averages of probabilities: arithmetic, geometric, of ranks, of votes; each with weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from harness.metrics import CLIP

Array = np.ndarray

# Among classes whose votes differ by less than this, the mean probability decides.
TIED = 1e-3


class Combiner(Protocol):
    """What fitting an ensemble gives."""

    def __call__(self, members: Array) -> Array:
        """Members' probabilities (m, n, k) to the ensemble's (n, k); each row sums to one."""

    def about(self) -> dict[str, Any]:
        """What was fitted, for a JSON file."""


@dataclass(frozen=True)
class Average:
    """A weighted average.

    Args:
        weights: (m,) not negative; they count relative to their sum.
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
    """The normalised weighted product: a class that one member rules out is out, so zeros are lifted to ``CLIP``."""
    logs = sum(weight * np.log(np.clip(member, CLIP, 1)) for weight, member in zip(weights, members, strict=True))
    return _normal(np.exp(logs - logs.max(axis=1, keepdims=True)))


def _rank(members: Array, weights: Array) -> Array:
    """Each probability gives way to its rank among all rows of its class: members need not share a scale.

    The ranks are those among the given rows (of one fold, where out-of-fold rows are combined fold by fold), equal
    values sharing their middle; each row is scaled to sum to one.
    """
    from scipy.stats import rankdata

    return _mean(np.stack([rankdata(member, axis=0) / len(member) for member in members]), weights)


def _vote(members: Array, weights: Array) -> Array:
    """Each class's share of the votes."""
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
    """The average that counts all alike: (m, n, k) probabilities to (n, k); that of one is the one.

    Args:
        of: what is averaged, "probabilities" or "logits": probabilities of mean logits are the normalised geometric
            mean of the probabilities.
    """
    if len(members) == 1:
        return members[0]
    return Average(np.ones(len(members)), {"probabilities": "mean", "logits": "geometric"}[of])(members)
