"""What an ensemble gains, told honestly: cross-fitted, on identical rows, with an interval and a verdict."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from harness.ensembles.combine import Average
from harness.ensembles.crossfit import Fit, Fitting
from harness.ensembles.members import Members
from harness.metrics import Metric, bootstrap

Array = np.ndarray

ROUNDING = 1e-6  # float32's: a smaller difference in a row is none, or an ensemble of one could beat that one


@dataclass(frozen=True)
class Gain:
    """How much better one set of predictions scores than another on the same rows.

    Args:
        gain: the difference of the scores; above 0 is better whichever way the metric points.
        low, high: its 95 % interval, of a paired bootstrap over rows.
    """

    gain: float
    low: float
    high: float

    @property
    def verdict(self) -> Literal["better", "worse", "within noise"]:
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "within noise"

    def about(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "verdict": self.verdict}


def paired(metric: Metric, labels: Array, ours: Array, theirs: Array) -> Gain:
    """The gain of ``ours`` over ``theirs``.

    Rows are resampled in pairs: what makes a row hard for both cancels, and the interval is far narrower than the two
    scores' own.

    Args:
        labels: (n,) class numbers.
        ours, theirs: (n, k) probabilities of the same rows.
    """
    sign = 1 if metric.higher_is_better else -1
    differences = sign * (metric.rows(labels, ours) - metric.rows(labels, theirs))
    found = bootstrap(np.where(np.abs(differences) > ROUNDING, differences, 0.0))
    return Gain(found.score, found.low, found.high)


def correlation(members: Array, labels: Array) -> Array:
    """How alike the members' mistakes are: (m, m) correlations of the probabilities they give the true class.

    Correlations of all probabilities would be near 1 for all good members, since all follow the label. A member whose
    probability never varies correlates with none.

    Args:
        members: (m, n, k) probabilities.
        labels: (n,) class numbers.
    """
    true = members[:, np.arange(len(labels)), labels].astype(np.float64)
    centred = true - true.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1)
    varies = length > 1e-9 * np.linalg.norm(true, axis=1)  # what is left of a constant is rounding
    normal = np.where(varies, 1 / np.where(varies, length, 1), 0)[:, None] * centred
    found = np.clip(normal @ normal.T, -1, 1)
    np.fill_diagonal(found, 1)
    return found


def best_member(metric: Metric) -> Fit:
    """The ensemble that is the one best member of the rows it is fitted to; of equals, the first."""

    def fit(members: Members, labels: Array) -> Average:
        scores = [metric.score(labels, member) for member in members.probabilities]
        best = np.argmax(scores) if metric.higher_is_better else np.argmin(scores)
        return Average(np.eye(len(scores))[best])

    return fit


def examine(fitting: Fitting, metric: Metric) -> dict[str, Any]:
    """All there is to say about an ensemble, for a JSON file.

    The gain is over choosing the best member, a choice that is cross-fitted too: the best of many on the very rows
    that it was chosen on owes some of its score to luck, and no ensemble should be held to that.

    Returns:
        "members" (each with its name, score and contribution: the ensemble's gain over the same ensemble fitted
        without it), "correlation", "best" (the best member on all rows), "in_sample" and "honest" (the ensemble's
        scores), "best_honest" (the score of choosing the best member), "gain" (between the last two), "fitted".
    """
    members, labels = fitting.members, fitting.labels
    told = []
    for name, member in zip(members.names, members.probabilities, strict=True):
        one: dict[str, Any] = {"name": name, "score": metric.score(labels, member)}
        if len(members.names) > 1:
            one["contribution"] = paired(metric, labels, fitting.honest, fitting.without(name).honest).about()
        told.append(one)
    single = Fitting(best_member(metric), members, labels, fitting.parts)
    return {
        "metric": metric.name,
        "rows": len(labels),
        "members": told,
        "correlation": correlation(members.probabilities, labels).round(4).tolist(),
        "best": members.names[int(np.argmax(single.combiner.about()["weights"]))],
        "best_honest": metric.score(labels, single.honest),
        "in_sample": metric.score(labels, fitting.combiner(members.probabilities)),
        "honest": metric.score(labels, fitting.honest),
        "gain": paired(metric, labels, fitting.honest, single.honest).about(),
        "fitted": fitting.combiner.about(),
    }
