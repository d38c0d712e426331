"""How Optuna draws points of a space."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import optuna

from harness.recipes.space import Choice, Range

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


def distribution(axis: Range | Choice) -> BaseDistribution:
    if isinstance(axis, Choice):
        return optuna.distributions.CategoricalDistribution(axis.values)
    if axis.whole:
        return optuna.distributions.IntDistribution(round(axis.low), round(axis.high), log=axis.log)
    return optuna.distributions.FloatDistribution(axis.low, axis.high, log=axis.log)


def sampler(seed: int) -> optuna.samplers.BaseSampler:
    """A tree of Parzen estimators over all settings together, which keeps away from points that are being tried.

    Source: Bergstra et al., Algorithms for Hyper-Parameter Optimization (2011).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)
