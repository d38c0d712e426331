"""Greedy ensemble selection: add, with replacement, the member that helps most, again and again.

Source: Caruana, Niculescu-Mizil, Crew & Ksikes, Ensemble Selection from Libraries of Models (ICML 2004): with
replacement, started from the best members by score, bagged over random halves of the library; truncated at its best
step, as in Erickson et al., AutoGluon-Tabular (2020).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from harness.metrics import CLIP, Metric

Array = np.ndarray

STACK = 16  # probabilities multiplied before a logarithm is taken: CLIP ** 16 is still a normal float64
BLOCK = 4  # members tried at a time: what is computed for them stays in the processor's cache


def select(members: Array, labels: Array, metric: Metric, *, steps: int, bags: int, seed: int) -> Array:
    """The weights of a greedily selected ensemble: (m,), summing to one.

    On the rows given, the ensemble is never worse than its best member. Of members that would do equally well, one
    already in is taken, then the one better by itself, then the earlier one.

    Args:
        members: (m, n, k) probabilities.
        labels: (n,) class numbers.
        metric: decides, in its direction.
        steps: the ensemble has at most so many members, repeats counted.
        bags: selections, each from a random half of the members, whose weights are averaged; 1 selects once, from all.
        seed: of the halves.
    """
    pieces, judge = _trials(members, labels, metric)
    sign = 1 if metric.higher_is_better else -1

    def scores(total: Array, count: int, chosen: Array) -> Array:
        """The score, larger being better, of a sum of ``count - 1`` pieces with each chosen one added."""
        blocks = (chosen[start : start + BLOCK] for start in range(0, len(chosen), BLOCK))
        return sign * np.concatenate([judge((total + pieces[block]) / count) for block in blocks])

    everyone = np.arange(len(members))
    singles = scores(np.zeros(pieces.shape[1:]), 1, everyone)
    if bags == 1:
        return _climb(pieces, scores, singles, everyone, steps)
    random = np.random.default_rng(seed)
    halves = [np.sort(random.permutation(everyone)[: (len(members) + 1) // 2]) for _ in range(bags)]
    weights = np.mean([_climb(pieces, scores, singles, half, steps) for half in halves], axis=0)
    # Each selection is at least as good as its half's best member; their average need not be as good as the best.
    best = singles.argmax()
    found = sign * judge(np.tensordot(weights, pieces, 1)[None])[0]
    return weights if found >= singles[best] else np.eye(len(members))[best]


def _climb(
    pieces: Array, scores: Callable[[Array, int, Array], Array], singles: Array, chosen: Array, steps: int
) -> Array:
    """One greedy selection among the chosen members: weights (m,)."""
    order = chosen[np.argsort(-singles[chosen], kind="stable")]
    # The sorted start: of the ensembles of the best one, two, three, … members, the best. Half the steps are left.
    total, trail = np.zeros(pieces.shape[1:]), []
    for count, member in enumerate(order[: max(1, steps // 2)], 1):
        trail.append(scores(total, count, order[count - 1 : count])[0])
        total += pieces[member]
    start = int(np.argmax(trail)) + 1
    picks, trail = list(order[:start]), trail[:start]
    total = pieces[picks].sum(axis=0, dtype=np.float64)
    for count in range(start + 1, steps + 1):
        found = scores(total, count, order)
        tied = order[found == found.max()]
        already = tied[np.isin(tied, picks)]
        picks.append(already[0] if len(already) else tied[0])
        trail.append(found.max())
        total += pieces[picks[-1]]
    best = int(np.argmax(trail)) + 1
    return np.bincount(picks[:best], minlength=len(pieces)) / best


def _trials(members: Array, labels: Array, metric: Metric) -> tuple[Array, Callable[[Array], Array]]:
    """What is summed of each member, (m, n, …), and how averages of it, (b, n, …), are scored: (b,).

    Log loss needs the true class's probability alone, and rank-1 scores the most probable class; any other metric
    is computed in full.
    """
    totals = np.einsum("mnk->mn", members, dtype=np.float64)  # the sum over classes, in half of ``sum``'s time
    if metric.name == "log_loss":
        # Logarithms are dear, and the sum of several is the logarithm of a product: rows go in stacks, filled with 1.
        true = np.ones((len(members), STACK, -(-len(labels) // STACK)))
        true.reshape(len(members), -1)[:, : len(labels)] = members[:, np.arange(len(labels)), labels] / totals
        within = true.min() >= CLIP and true.max() <= 1  # then averages are too
        return (
            true,
            lambda means: (
                -np.log((means if within else np.clip(means, CLIP, 1)).prod(axis=1)).sum(axis=1) / len(labels)
            ),
        )
    normal = members / totals[..., None]
    if metric.name in ("accuracy", "error"):
        right = metric.name == "accuracy"
        return normal, lambda means: ((means.argmax(axis=2) == labels) == right).mean(axis=1)
    return normal, lambda means: np.array([metric.score(labels, one) for one in means])
