"""The choice of members of a model soup, whose weights are averaged: the greedy soup, by the soup's predictions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from harness.scoring.metrics import METRICS

Array = np.ndarray

# From the sorted names of members to the predictions of their averaged weights: (n, k) probabilities.
Predict = Callable[[tuple[str, ...]], Array]


@dataclass(frozen=True)
class Choice:
    """The chosen members, and the averages that were tried.

    Args:
        members: the log loss of each single member, the best first.
        taken: the names of the chosen members, sorted.
        log_loss: the log loss of their averaged weights.
        tried: the averages in the order tried: names, log loss, whether the added member was kept.
    """

    members: dict[str, float]
    taken: tuple[str, ...]
    log_loss: float
    tried: tuple[tuple[tuple[str, ...], float, bool], ...]


def choose(names: tuple[str, ...], predict: Predict, labels: Array, metric: str = "log_loss") -> Choice:
    """Start from the best member, and add each next one that does not make the log loss worse.

    On the given rows, the result is never worse than the best member.

    Source: Wortsman et al., Model Soups (2022), the greedy soup.

    Args:
        names: the members' names, in any order.
        predict: predicts with averaged weights; see ``Predict``.
        labels: of these rows.
        metric: the name of the loss.
    """

    def loss(members: tuple[str, ...]) -> float:
        return METRICS[metric].score(labels, predict(members))

    single_losses = {name: loss((name,)) for name in names}
    candidates = sorted(names, key=lambda name: (single_losses[name], name))
    taken, taken_loss, tried = tuple(candidates[:1]), single_losses[candidates[0]], []
    for name in candidates[1:]:
        trial = tuple(sorted((*taken, name)))
        trial_loss = loss(trial)
        tried.append((trial, trial_loss, trial_loss <= taken_loss))
        if trial_loss <= taken_loss:
            taken, taken_loss = trial, trial_loss
    return Choice({name: single_losses[name] for name in candidates}, taken, taken_loss, tuple(tried))


def cross_fitted(
    names: tuple[str, ...], predict: Predict, labels: Array, parts: Array, metric: str = "log_loss"
) -> Array:
    """Each row's probabilities from the soup that is chosen on the rows of all other parts: (n, k).

    Args:
        names: the members' names, in any order.
        predict: predicts with averaged weights; see ``Predict``.
        labels: of these rows.
        parts: (n,) the part each row belongs to; at least two of them.
        metric: the name of the loss.
    """
    probabilities = predict(names[:1]).copy()
    for part in np.unique(parts):
        inside, outside = parts == part, parts != part

        def predict_outside(members: tuple[str, ...], rows: Array = outside) -> Array:
            return predict(members)[rows]

        choice = choose(names, predict_outside, labels[outside], metric)
        probabilities[inside] = predict(choice.taken)[inside]
    return probabilities
