"""Ensemble selection by hill climbing: repeatedly add, with replacement, the member that helps most.

Source: Caruana, Niculescu-Mizil, Crew & Ksikes, Ensemble Selection from Libraries of Models (ICML 2004): with
replacement, initialised with the best members by score, bagged over random halves of the members. Truncated at the best
step, as in Erickson et al., AutoGluon-Tabular (2020).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from harness.data.targets.links import CLIP
from harness.scoring.metrics import Metric

Array = np.ndarray

STACK = 16  # probabilities that are multiplied before taking a logarithm: CLIP ** 16 is still a normal float64
BLOCK = 4  # members tried at a time, so that their intermediate results fit in the processor's cache


def select(
    members: Array, labels: Array, metric: Metric, *, steps: int, bags: int, seed: int, link: str = "softmax"
) -> Array:
    """The weights of an ensemble selected by hill climbing: (m,), summing to one.

    On the given rows, the ensemble is never worse than its best member. Of members that would do equally well, one that
    is already in the ensemble is preferred, then the one with the better score of its own, then the first.

    Args:
        members: (m, n, k) predictions.
        labels: (n,) class numbers, (n, k) of 0 and 1, or (n,) numbers.
        metric: the metric to optimise.
        steps: the largest number of members in the ensemble, counting repeats.
        bags: the number of selections, each from a random half of the members; their weights are averaged. 1 selects
            once, from all members.
        seed: the seed of the random halves.
        link: of the predictions; rows of classes are scaled to sum to one.
    """
    pieces, score_of = _trials(members, labels, metric, link)
    sign = 1 if metric.higher_is_better else -1

    def scores(summed: Array, count: int, chosen: Array) -> Array:
        """Scores (larger is better) of the sum of ``count - 1`` pieces after adding each of the chosen ones."""
        blocks = (chosen[start : start + BLOCK] for start in range(0, len(chosen), BLOCK))
        return sign * np.concatenate([score_of((summed + pieces[block]) / count) for block in blocks])

    all_members = np.arange(len(members))
    single_scores = scores(np.zeros(pieces.shape[1:]), 1, all_members)
    if bags == 1:
        return _climb(pieces, scores, single_scores, all_members, steps)
    random = np.random.default_rng(seed)
    random_halves = [np.sort(random.permutation(all_members)[: (len(members) + 1) // 2]) for _ in range(bags)]
    weights = np.mean([_climb(pieces, scores, single_scores, half, steps) for half in random_halves], axis=0)
    # Each selection is at least as good as the best member of its half, but their average may be worse than the best.
    best = single_scores.argmax()
    average_score = sign * score_of(np.tensordot(weights, pieces, 1)[None])[0]
    return weights if average_score >= single_scores[best] else np.eye(len(members))[best]


def _climb(
    pieces: Array, scores: Callable[[Array, int, Array], Array], single_scores: Array, chosen: Array, steps: int
) -> Array:
    """One hill climbing among the chosen members: weights (m,)."""
    candidates = chosen[np.argsort(-single_scores[chosen], kind="stable")]
    # Sorted initialisation: the best of the ensembles of the best 1, 2, 3, … members, up to half the steps.
    summed, step_scores = np.zeros(pieces.shape[1:]), []
    for count, member in enumerate(candidates[: max(1, steps // 2)], 1):
        step_scores.append(scores(summed, count, candidates[count - 1 : count])[0])
        summed += pieces[member]
    start = int(np.argmax(step_scores)) + 1
    picks, step_scores = list(candidates[:start]), step_scores[:start]
    summed = pieces[picks].sum(axis=0, dtype=np.float64)
    for count in range(start + 1, steps + 1):
        trial_scores = scores(summed, count, candidates)
        best_trials = candidates[trial_scores == trial_scores.max()]
        picked_already = best_trials[np.isin(best_trials, picks)]
        picks.append(picked_already[0] if len(picked_already) else best_trials[0])
        step_scores.append(trial_scores.max())
        summed += pieces[picks[-1]]
    best = int(np.argmax(step_scores)) + 1
    return np.bincount(picks[:best], minlength=len(pieces)) / best


def _trials(members: Array, labels: Array, metric: Metric, link: str) -> tuple[Array, Callable[[Array], Array]]:
    """The pieces of each member to sum, (m, n, …), and the function that scores averages of them, (b, n, …) to (b,).

    Log loss needs only the probability of the true class, and top-1 accuracy only the most probable class. Any other
    metric is computed from all probabilities.
    """
    if link != "softmax":
        return members.astype(np.float64), lambda means: np.array([metric.score(labels, mean) for mean in means])
    row_sums = np.einsum("mnk->mn", members, dtype=np.float64)  # the sum over classes, twice as fast as ``sum``
    if metric.name == "log_loss":
        # Logarithms are slow, so take one logarithm of a product of STACK rows; the last stack is filled up with 1.
        pieces = np.ones((len(members), STACK, -(-len(labels) // STACK)))
        pieces.reshape(len(members), -1)[:, : len(labels)] = members[:, np.arange(len(labels)), labels] / row_sums
        in_range = pieces.min() >= CLIP and pieces.max() <= 1  # then their averages are in range too
        return (
            pieces,
            lambda means: (
                -np.log((means if in_range else np.clip(means, CLIP, 1)).prod(axis=1)).sum(axis=1) / len(labels)
            ),
        )
    normalised = members / row_sums[..., None]
    if metric.name in ("accuracy", "error"):
        is_accuracy = metric.name == "accuracy"
        return normalised, lambda means: ((means.argmax(axis=2) == labels) == is_accuracy).mean(axis=1)
    return normalised, lambda means: np.array([metric.score(labels, mean) for mean in means])
