"""The honest gain of an ensemble: cross-fitted, on identical rows, with an interval and a verdict."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from harness.data.targets import MULTICLASS, Targets
from harness.ensembles.combine import Average
from harness.ensembles.crossfit import Fit, Fitting
from harness.ensembles.members import Members
from harness.scoring.metrics import Metric

Array = np.ndarray


@dataclass(frozen=True)
class Gain:
    """How much better one set of predictions scores than another on the same rows.

    Args:
        gain: the difference of the scores; above 0 is better, whatever the metric's direction.
        low, high: its 95 % interval, from a paired bootstrap over rows.
    """

    gain: float
    low: float
    high: float

    @property
    def verdict(self) -> Literal["better", "worse", "within noise"]:
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "within noise"

    def __str__(self) -> str:
        return f"{self.gain:+.4f} ({self.low:+.4f} to {self.high:+.4f})"

    @property
    def judged(self) -> str:
        """The gain with its interval and the verdict, in words."""
        return f"{self}, {self.verdict}"

    def about(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "verdict": self.verdict}


def gain_in(kept: dict[str, Any]) -> Gain:
    """The gain that ``Gain.about`` gave, from its kept result."""
    return Gain(kept["gain"], kept["low"], kept["high"])


def paired(metric: Metric, labels: Array, ours: Array, theirs: Array, groups: Array | None = None) -> Gain:
    """The gain of ``ours`` over ``theirs``.

    Rows are resampled in pairs, so the difficulty of a row cancels, and the interval is far narrower than those of the
    two scores.

    Args:
        metric: the competition's metric.
        labels: (n,) class numbers.
        ours, theirs: (n, k) probabilities of the same rows.
        groups: (n,) the group of each row, where rows are not independent.
    """
    interval = metric.gain(labels, ours, theirs, groups)
    return Gain(interval.score, interval.low, interval.high)


def correlation(members: Array, labels: Array, targets: Targets = MULTICLASS) -> Array:
    """How similar the members' mistakes are: (m, m) correlations of their probabilities of the truth, or of errors.

    Correlations of all probabilities would be near 1 for all good members, since all of them follow the label. A member
    whose probability never varies has correlation 0 with all others.

    Args:
        members: (m, n, k) probabilities.
        labels: of these rows.
        targets: the kind of both.
    """
    true_probabilities = np.stack([targets.closeness(labels, member) for member in members])
    centred = true_probabilities - true_probabilities.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(centred, axis=1)
    varies = norms > 1e-9 * np.linalg.norm(true_probabilities, axis=1)  # a smaller norm is rounding of a constant
    normalised = np.where(varies, 1 / np.where(varies, norms, 1), 0)[:, None] * centred
    correlations = np.clip(normalised @ normalised.T, -1, 1)
    np.fill_diagonal(correlations, 1)
    return correlations


def best_member(metric: Metric) -> Fit:
    """The ensemble that chooses the best member on the rows it is fitted to; of equal ones, the first."""

    def fit(members: Members, labels: Array) -> Average:
        scores = [metric.score(labels, member) for member in members.probabilities]
        best = np.argmax(scores) if metric.higher_is_better else np.argmin(scores)
        return Average(np.eye(len(scores))[best], link=members.targets.link)

    return fit


def examine(fitting: Fitting, metric: Metric, groups: Array | None = None) -> dict[str, Any]:
    """A report on an ensemble, for a JSON file.

    The gain is over the choice of the best member, which is cross-fitted too: on the rows that it was chosen on, the
    score of the best of many members is partly luck, so an ensemble should not be compared with that.

    Returns:
        "members" (each with its name, score and contribution: the ensemble's gain over the same ensemble fitted
        without it), "correlation", "best" (the best member on all rows), "in_sample" and "honest" (the ensemble's
        scores), "best_honest" (the score of choosing the best member), "gain" (of "honest" over "best_honest"),
        "fitted".
    """
    members, labels = fitting.members, fitting.labels
    member_reports = []
    for name, member in zip(members.names, members.probabilities, strict=True):
        report: dict[str, Any] = {"name": name, "score": metric.score(labels, member)}
        if len(members.names) > 1:
            report["contribution"] = paired(
                metric, labels, fitting.honest, fitting.without(name).honest, groups
            ).about()
        member_reports.append(report)
    best_single = Fitting(best_member(metric), members, labels, fitting.parts)
    return {
        "metric": metric.name,
        "rows": len(labels),
        "members": member_reports,
        "correlation": correlation(members.probabilities, labels, members.targets).round(4).tolist(),
        "best": members.names[int(np.argmax(best_single.combiner.about()["weights"]))],
        "best_honest": metric.score(labels, best_single.honest),
        "in_sample": metric.score(labels, fitting.combiner(members.probabilities)),
        "honest": metric.score(labels, fitting.honest),
        "gain": paired(metric, labels, fitting.honest, best_single.honest, groups).about(),
        "fitted": fitting.combiner.about(),
    }
