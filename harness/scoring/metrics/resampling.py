"""Bootstrap intervals: of a mean over rows, and of any function of how often each row was drawn."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from harness.utils.errors import UserError
from harness.utils.parallel import each

Array = np.ndarray

SAMPLES = 2000
LEVEL = 0.95
# Of more rows the ends are those of a normal distribution, as which the score of so many is distributed: 2,000 draws
# would take minutes. So many draws give its deviation to 7 %.
LARGE, FEW_SAMPLES = 200_000, 100
# Of so many draws in a row, one at least must have a score.
MOST_REDRAWN = 1000
# From so many rows on, threads score draws beside each other; of fewer, they would wait for Python's lock. A thread
# gets draws of so many numbers at a time: 8 MiB.
SHARED, BLOCK_NUMBERS = 20_000, 2**20


@dataclass(frozen=True)
class Interval:
    """A score with its 95 % interval.

    Args:
        score: of all rows.
        low, high: the interval's ends.
        redrawn: how many draws had no score, and were drawn again: without a positive row there is no AUC.
        how: the kind of interval, for people.
    """

    score: float
    low: float
    high: float
    redrawn: int = 0
    how: str = "bootstrap"

    def __str__(self) -> str:
        return f"{self.score:.4f} ({self.low:.4f} to {self.high:.4f})"


def bootstrap(values: Array, seed: int = 0) -> Interval:
    """The mean of values per row, with a percentile bootstrap interval over rows.

    Source: Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.

    Args:
        values: (n,) one value per row.
        seed: the seed of the bootstrap; fixed, so that the same values give the same interval.
    """
    random = np.random.default_rng(seed)
    values = np.sort(values)  # the order of the rows does not count
    n = len(values)
    if n > LARGE:
        return _normal(float(values.mean()), float(values.std()) / math.sqrt(n))
    # How often each distinct value is drawn is multinomial: for 0/1 metrics this needs two columns, whatever n is.
    distinct_values, counts = np.unique(values, return_counts=True)
    if len(distinct_values) <= 64:
        means = random.multinomial(n, counts / n, size=SAMPLES) @ distinct_values / n
    else:
        means = np.array([values[random.integers(0, n, n)].mean() for _ in range(SAMPLES)])
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(values.mean()), float(low), float(high))


def resample(
    score_of: Callable[[Array], float],
    n: int,
    groups: Array | None = None,
    *,
    samples: int = SAMPLES,
    by_threads: bool = True,
) -> Interval:
    """The score of n rows, with a percentile bootstrap interval over rows, or over groups of them.

    Args:
        score_of: from how often each row was drawn, (n,) int64, to the score; NaN where there is none.
        n: the number of rows.
        groups: (n,) the group of each row. Rows of one group are not independent: whole groups are drawn.
        samples: the number of bootstrap samples.
        by_threads: whether several threads may call ``score_of`` at once.

    Raises:
        UserError: hardly a draw has a score.
    """
    samples = samples if n <= LARGE else min(samples, FEW_SAMPLES)
    scores: list[float] = []
    redrawn = in_a_row = 0
    draws = _draws(n, groups)
    while len(scores) < samples:
        for score in _scored(score_of, itertools.islice(draws, samples - len(scores)), n, by_threads):
            if score == score:
                scores.append(score)
                in_a_row = 0
            else:
                redrawn, in_a_row = redrawn + 1, in_a_row + 1
            if in_a_row > MOST_REDRAWN:
                raise UserError(
                    f"{MOST_REDRAWN:,} draws of {n:,} rows in a row have no score: nearly all rows are of one class.",
                    "hold out more rows: holdout= in the competition's competition.py",
                )
    score = float(score_of(np.ones(n, np.int64)))
    if n > LARGE:
        return _normal(score, float(np.std(scores, ddof=1)), redrawn=redrawn)
    low, high = np.quantile(scores, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(score, float(low), float(high), redrawn)


def _scored(score_of: Callable[[Array], float], draws: Iterator[Array], n: int, by_threads: bool) -> Iterator[float]:
    """The scores of draws of n rows, in order."""
    if n < SHARED or not by_threads:
        yield from map(score_of, draws)
        return
    in_blocks = iter(lambda: [*itertools.islice(draws, max(1, BLOCK_NUMBERS // n))], [])
    # Not by other processes: draws take longer to travel than to be scored.
    for scores in each(lambda block: [score_of(drawn) for drawn in block], in_blocks, shares=True):
        yield from scores


def _normal(score: float, deviation: float, redrawn: int = 0) -> Interval:
    """The interval of a score that is normally distributed.

    Source: Efron & Tibshirani (1993), chapter 12.
    """
    reach = NormalDist().inv_cdf((1 + LEVEL) / 2) * deviation
    return Interval(score, score - reach, score + reach, redrawn, "normal")


def _draws(n: int, groups: Array | None) -> Iterator[Array]:
    """How often each row is drawn, (n,) int64, without end; the same draws for all metrics and predictions."""
    random = np.random.default_rng(0)
    group_of = None if groups is None else np.unique(groups, return_inverse=True)[1]
    units = n if group_of is None else int(group_of.max()) + 1
    while True:
        drawn = np.bincount(random.integers(0, units, units, dtype=np.int32), minlength=units)
        yield drawn if group_of is None else drawn[group_of]
