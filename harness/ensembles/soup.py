"""Which members' weights are averaged: a greedy choice, by the predictions of the average."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from harness.metrics import METRICS

Array = np.ndarray

# Members' names, sorted, to what the average of their weights predicts: (n, k) probabilities of the same rows.
Predict = Callable[[tuple[str, ...]], Array]


@dataclass(frozen=True)
class Choice:
    """What was tried and taken.

    Args:
        members: the log loss of each by itself, the best first.
        taken: names, sorted.
        log_loss: of the average of those taken.
        tried: averages in the order they were tried: names, log loss, whether the one that joined was kept.
    """

    members: dict[str, float]
    taken: tuple[str, ...]
    log_loss: float
    tried: tuple[tuple[tuple[str, ...], float, bool], ...]


def choose(names: tuple[str, ...], predict: Predict, labels: Array) -> Choice:
    """From the best member on, take in each next one with which the log loss does not get worse.

    It is thus never worse than the best member, on these rows.

    Source: Wortsman et al., Model Soups (2022), the greedy one.

    Args:
        names: the members', in any order.
        predict: see ``Predict``.
        labels: (n,) class numbers.
    """

    def loss(members: tuple[str, ...]) -> float:
        return METRICS["log_loss"].score(labels, predict(members))

    alone = {name: loss((name,)) for name in names}
    order = sorted(names, key=lambda name: (alone[name], name))
    taken, best, tried = tuple(order[:1]), alone[order[0]], []
    for name in order[1:]:
        together = tuple(sorted((*taken, name)))
        found = loss(together)
        tried.append((together, found, found <= best))
        if found <= best:
            taken, best = together, found
    return Choice({name: alone[name] for name in order}, taken, best, tuple(tried))


def cross_fitted(names: tuple[str, ...], predict: Predict, labels: Array, parts: Array) -> Array:
    """Each row's probabilities from the average chosen on the rows of all other parts: (n, k).

    Args:
        parts: (n,) the part each row belongs to; at least two of them.
    """
    found = predict(names[:1]).copy()
    for part in np.unique(parts):
        inside, outside = parts == part, parts != part

        def elsewhere(members: tuple[str, ...], rows: Array = outside) -> Array:
            return predict(members)[rows]

        chosen = choose(names, elsewhere, labels[outside])
        found[inside] = predict(chosen.taken)[inside]
    return found
