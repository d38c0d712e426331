"""Weighted averages of probabilities: arithmetic, geometric, of ranks and of votes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from harness.data.targets.links import CLIP, DECISION, LINKS, Link

Array = np.ndarray

# If the votes for classes differ by less than this, the mean probability decides.
TIED = 1e-3


class Combiner(Protocol):
    """A fitted ensemble."""

    def __call__(self, members: Array) -> Array:
        """From the members' predictions (m, n, k) to the ensemble's (n, k), of the same kind."""

    def about(self) -> dict[str, Any]:
        """The fitted values, for a JSON file."""


@dataclass(frozen=True)
class Average:
    """A weighted average.

    Args:
        weights: (m,) not negative; they are divided by their sum.
        how: a key of ``AVERAGES``.
        link: of the predictions; decides what makes them probabilities again.
    """

    weights: Array
    how: str = "mean"
    link: str = "softmax"

    def __call__(self, members: Array) -> Array:
        return AVERAGES[self.how](members, self.weights / self.weights.sum(), LINKS[self.link])

    @property
    def among_given(self) -> bool:
        """Whether what a row gets depends on the other rows, so that it is for one set of images alone."""
        return self.how == "rank"

    def about(self) -> dict[str, Any]:
        return {"weights": (self.weights / self.weights.sum()).tolist()}


def _mean(members: Array, weights: Array, link: Link) -> Array:
    return link.normal(sum(weight * member.astype(np.float64) for weight, member in zip(weights, members, strict=True)))


def _geometric(members: Array, weights: Array, link: Link) -> Array:
    """The mean of scores: of classes, the normalised weighted product of probabilities; of labels, the mean of logits.

    Zeros are raised to ``CLIP``, or one member could rule out a class.
    """
    if link is not LINKS["softmax"]:
        return link.predictions(
            sum(weight * link.scores(member) for weight, member in zip(weights, members, strict=True))
        )
    logs = sum(weight * np.log(np.clip(member, CLIP, 1)) for weight, member in zip(weights, members, strict=True))
    return link.normal(np.exp(logs - logs.max(axis=1, keepdims=True)))


def _rank(members: Array, weights: Array, link: Link) -> Array:
    """The mean of ranks: each prediction is replaced by its rank among all rows of its column, whatever its scale.

    Ranks are among the given rows, those of one fold where out-of-fold rows are combined fold by fold. Equal values get
    their mean rank. Rows of classes are scaled to sum to one.
    """
    from scipy.stats import rankdata

    return _mean(np.stack([rankdata(member, axis=0) / len(member) for member in members]), weights, link)


def _vote(members: Array, weights: Array, link: Link) -> Array:
    """The share of the votes for each class, or for having each label."""
    if link is LINKS["softmax"]:
        votes = np.stack([np.eye(member.shape[1])[member.argmax(axis=1)] for member in members])
    else:
        votes = (members >= DECISION).astype(np.float64)
    return (_mean(votes, weights, link) + TIED * _mean(members, weights, link)) / (1 + TIED)


AVERAGES: dict[str, Callable[[Array, Array, Link], Array]] = {
    "mean": _mean,
    "geometric": _geometric,
    "rank": _rank,
    "vote": _vote,
}


def averaged(members: Array, of: str, link: str = "softmax", weights: Sequence[float] | None = None) -> Array:
    """The average of views or folds: (m, n, k) predictions to (n, k). A single member is returned unchanged.

    Args:
        members: (m, n, k) predictions.
        of: what is averaged, "probabilities" or "logits". Averaging logits gives the normalised geometric mean of the
            probabilities.
        link: of the predictions.
        weights: (m,) positive numbers; equal ones if None.
    """
    if len(members) == 1:
        return members[0]
    shares = np.ones(len(members)) if weights is None else np.asarray(weights, np.float64)
    return Average(shares, {"probabilities": "mean", "logits": "geometric"}[of], link)(members)
