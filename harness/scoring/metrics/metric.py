"""What a metric is: a score of predictions, which way is better, and intervals of scores and of gains."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.scoring.metrics.proportion import of_hits, wilson, worth_of
from harness.scoring.metrics.resampling import SAMPLES, Interval, bootstrap, resample
from harness.utils.errors import UserError

Array = np.ndarray

# From how often each row was drawn, (n,) int64, to the score; NaN where there is none.
Scorer = Callable[[Array], float]

ROUNDING = 1e-6  # smaller differences are float32 rounding; else an ensemble of one could beat its member


@dataclass(frozen=True, kw_only=True)
class Metric(ABC):
    """A metric.

    Args:
        name: the name in a competition's declaration.
        title: the name in messages and tables.
        higher_is_better: the direction.
        judges: what the score depends on: the "probabilities" themselves; their "order" among the rows of a class; the
            "ranking" of classes within a row; or the most probable "classes" alone.
        low, high: the range of scores.
        classes: how many classes there must be; None for any number.
        each_class: whether it is a mean over classes, which leaves out those without a row.
        kinds: the names of the kinds of targets that it judges.
        several: the same metric where images have several labels; None where there is none, or this is it.
    """

    name: str
    title: str
    higher_is_better: bool
    judges: Literal["probabilities", "order", "ranking", "classes"]
    low: float = 0.0
    high: float = 1.0
    classes: int | None = None
    each_class: bool = False
    kinds: tuple[str, ...] = ("multiclass", "ordinal")
    several: Metric | None = None

    @property
    def judged(self) -> tuple[str, ...]:
        """The names of all kinds of targets that it can judge."""
        return self.kinds + (self.several.kinds if self.several else ())

    @property
    def probabilistic(self) -> bool:
        """Whether the score depends on the probabilities themselves, not only on their order."""
        return self.judges == "probabilities"

    def better(self, score: float, than: float) -> bool:
        return score > than if self.higher_is_better else score < than

    def of(self, labels: Array) -> Metric:
        """The metric of these labels: ``several`` where they are (n, labels)."""
        return self.several if self.several is not None and labels.ndim == 2 else self

    def check(self, classes: tuple[str, ...]) -> None:
        """Raise an error if the metric does not fit the classes.

        Raises:
            UserError: it needs another number of classes.
        """
        if self.classes is not None and len(classes) != self.classes:
            raise UserError(
                f"{self.title} needs {self.classes} classes, and the data has {len(classes):,}.",
                "set metric= in the competition's competition.py; for AUC over more classes: metric='mean_column_auc'",
            )

    def score(self, labels: Array, probabilities: Array) -> float:
        """The score of predictions.

        Args:
            labels: (n,) class numbers; of several labels an image, (n, labels) of 0 and 1; or (n,) numbers.
            probabilities: (n, classes), (n, labels) or (n, 1).

        Raises:
            UserError: these rows have no score.
        """
        return self.of(labels)._score(labels, probabilities)

    def interval(self, labels: Array, probabilities: Array, groups: Array | None = None) -> Interval:
        """The score with its 95 % interval, over rows, or over ``groups`` (n,) of them: the only one that is shown."""
        return self.of(labels)._interval(labels, probabilities, groups)

    def weighted(self, labels: Array, probabilities: Array, weights: Array, groups: Array | None = None) -> Interval:
        """The score in which rows count by ``weights`` (n,), not negative, with its 95 % interval."""
        return self.of(labels)._weighted(labels, probabilities, weights, groups)

    def gain(self, labels: Array, ours: Array, theirs: Array, groups: Array | None = None) -> Interval:
        """How much better ``ours`` scores than ``theirs``, above 0 whatever the direction, from a paired bootstrap."""
        return self.of(labels)._gain(labels, ours, theirs, groups)

    @abstractmethod
    def _score(self, labels: Array, probabilities: Array) -> float: ...

    @abstractmethod
    def _interval(self, labels: Array, probabilities: Array, groups: Array | None) -> Interval: ...

    @abstractmethod
    def _weighted(self, labels: Array, probabilities: Array, weights: Array, groups: Array | None) -> Interval: ...

    @abstractmethod
    def _gain(self, labels: Array, ours: Array, theirs: Array, groups: Array | None) -> Interval: ...


@dataclass(frozen=True, kw_only=True)
class RowMetric(Metric):
    """A metric whose score is a mean over rows.

    Args:
        rows: (labels, predictions) to a value for each row (n,).
        proportion: whether the values are 0 and 1 only, so that the score is a share of rows.
    """

    rows: Callable[[Array, Array], Array]
    proportion: bool = False

    def _score(self, labels: Array, probabilities: Array) -> float:
        return float(self.rows(labels, probabilities).mean())

    def _interval(self, labels: Array, probabilities: Array, groups: Array | None) -> Interval:
        values = self.rows(labels, probabilities)
        return of_hits(values, groups) if self.proportion else _mean(values, groups)

    def _weighted(self, labels: Array, probabilities: Array, weights: Array, groups: Array | None) -> Interval:
        values = self.rows(labels, probabilities)
        if self.proportion and groups is None:
            share, worth = float(weights @ values / weights.sum()), worth_of(weights)
            return wilson(share * worth, worth, share)
        return resample(lambda drawn: float((drawn * weights) @ values / (drawn @ weights)), len(values), groups)

    def _gain(self, labels: Array, ours: Array, theirs: Array, groups: Array | None) -> Interval:
        sign = 1 if self.higher_is_better else -1
        differences = sign * (self.rows(labels, ours) - self.rows(labels, theirs))
        return _mean(np.where(np.abs(differences) > ROUNDING, differences, 0.0), groups)


@dataclass(frozen=True, kw_only=True)
class SetMetric(Metric):
    """A metric of a whole set of rows, which is no mean over them.

    Args:
        scorer: (labels, predictions) to the score as a function of how often each row counts.
        samples: the number of bootstrap samples.
        by_threads: whether several threads may score draws at once.
    """

    scorer: Callable[[Array, Array], Scorer]
    samples: int = SAMPLES
    by_threads: bool = True

    def _score(self, labels: Array, probabilities: Array) -> float:
        score = float(self.scorer(labels, probabilities)(np.ones(len(labels), np.int64)))
        if np.isnan(score):
            present = len(np.unique(labels))
            raise UserError(
                f"{len(labels):,} rows with labels of {present:,} class{'es' * (present != 1)} have no {self.title}.",
                "give it rows of more classes: larger folds, or a larger holdout= in the competition's competition.py",
            )
        return score

    def _interval(self, labels: Array, probabilities: Array, groups: Array | None) -> Interval:
        self._score(labels, probabilities)
        return self._resample(self.scorer(labels, probabilities), len(labels), groups)

    def _weighted(self, labels: Array, probabilities: Array, weights: Array, groups: Array | None) -> Interval:
        score = self.scorer(labels, probabilities)
        in_tenths = 10 * weights / weights.mean()

        def weighted(drawn: Array) -> float:
            return score(np.rint(drawn * in_tenths).astype(np.int64))

        return self._resample(weighted, len(labels), groups)

    def _gain(self, labels: Array, ours: Array, theirs: Array, groups: Array | None) -> Interval:
        for probabilities in (ours, theirs):
            self._score(labels, probabilities)
        ours_of, theirs_of = self.scorer(labels, ours), self.scorer(labels, theirs)
        sign = 1 if self.higher_is_better else -1

        def difference(drawn: Array) -> float:
            found = sign * (ours_of(drawn) - theirs_of(drawn))
            return 0.0 if abs(found) <= ROUNDING else found

        return self._resample(difference, len(labels), groups)

    def _resample(self, score: Scorer, n: int, groups: Array | None) -> Interval:
        return resample(score, n, groups, samples=self.samples, by_threads=self.by_threads)


def _mean(values: Array, groups: Array | None) -> Interval:
    """The mean of values per row with its interval."""
    if groups is None:
        return bootstrap(values)
    return resample(lambda drawn: float(drawn @ values / drawn.sum()), len(values), groups)
