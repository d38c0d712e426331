"""Intervals of proportions, which are honest where few rows are wrong, or none."""

from __future__ import annotations

import math

import numpy as np

from harness.scoring.metrics.resampling import LEVEL, Interval

Array = np.ndarray

WILSON = "Wilson"


def wilson(hits: float, n: float, score: float | None = None) -> Interval:
    """The share of hits with its Wilson interval: 68 of 68 are 1.0000 (0.9465 to 1.0000).

    A bootstrap of a perfect score has no width, for it never draws a mistake that it has not seen.

    Source: Wilson, Probable inference, the law of succession, and statistical inference (1927); recommended by Brown,
    Cai & DasGupta, Interval estimation for a binomial proportion (2001).

    Args:
        hits: how many rows are hits; a fraction where ``n`` is one.
        n: how many rows there are, or how many independent ones they are worth; above 0.
        score: what to show as the share; None for hits / n.
    """
    from statistics import NormalDist

    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    share, shrink = hits / n, 1 + z**2 / n
    centre = (share + z**2 / (2 * n)) / shrink
    half = z / shrink * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    # At the ends rounding would cut off the share itself.
    low, high = max(0.0, min(centre - half, share)), min(1.0, max(centre + half, share))
    return Interval(share if score is None else score, low, high, how=WILSON)


def of_hits(is_hit: Array, groups: Array | None = None) -> Interval:
    """The share of hits among rows with its Wilson interval.

    Args:
        is_hit: (n,) 1 or 0.
        groups: (n,) the group of each row, where rows are not independent.
    """
    share = float(is_hit.mean())
    n = len(is_hit) if groups is None else effective_size(is_hit, groups)
    return wilson(share * n, n, share)


def worth_of(weights: Array) -> float:
    """How many equally weighted rows are as sure as these: (Σw)² / Σw².

    Source: Kish, Survey Sampling (1965).
    """
    return float(weights.sum() ** 2 / (weights**2).sum())


def effective_size(is_hit: Array, groups: Array) -> float:
    """How many independent rows have as sure a share of hits as these: at most the rows; fewer than the groups
    where these are of unequal size.

    Source: Korn & Graubard, Confidence intervals for proportions with small expected number of positive counts (1998).
    """
    _, group_of = np.unique(groups, return_inverse=True)
    n, count, share = len(is_hit), int(group_of.max()) + 1, is_hit.mean()
    if count < 2 or share in (0, 1):  # mistakes that were not seen would come in groups
        return float(count)
    off = np.bincount(group_of, is_hit - share, count)
    variance = count / (count - 1) * float(off @ off) / n**2
    return float(np.clip(share * (1 - share) / max(variance, 1e-12), 2, n))
