"""Adversarial validation: can a linear classifier tell the test images from the labelled ones by their features?

Where it can, the test is unlike what is trained on, and a score on labelled images says little about it. The classifier
also says how much more often each labelled image's like occurs in the test. Scores weighted by that are estimates of
the test's, as far as the difference is one of images and not of how they are labelled.

Sources: Zajac, Adversarial validation (FastML, 2016); Bickel, Brückner & Scheffer, Discriminative learning under
covariate shift (JMLR 2009), for the weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.data.cache.rows import Rows
from harness.data.splits import HOLDOUT, TEST, TRAIN
from harness.data.splitting import ALWAYS_TRAIN, grouped_folds
from harness.models import linear, linear_path
from harness.scoring import predictions as tables
from harness.scoring.metrics import LOG_LOSS, METRICS, Interval, Metric, worth_of
from harness.scoring.predictions import Predictions
from harness.utils import fingerprint as fp
from harness.utils.console import progress
from harness.utils.errors import UserError
from harness.utils.files import lock
from harness.utils.versions import versions

if TYPE_CHECKING:
    from harness.data.cache.cache import Cache, Input
    from harness.data.dataset import Dataset

Array = np.ndarray

FOLDS = 5
CS = (1e-4, 1e-3, 1e-2, 1e-1)
MOST = 20_000  # labelled rows that a fold's classifier is fitted to
ALIKE, UNLIKE = 0.6, 0.75  # AUC
MOST_WEIGHT = 20.0  # of an image: one alone must not decide a score
# No weighted score is given of fewer images, nor where the two splits hardly overlap.
FEWEST_WORTH = 30.0
APART = 0.95  # AUC


@dataclass(frozen=True)
class Likeness:
    """How unlike two splits look.

    Args:
        against: "test", or "holdout" where there is no test: what the labelled images are compared with.
        ids: (n,) of all compared images.
        is_other: (n,) bool, whether an image is of ``against``.
        odds: (n,) how much more often an image's like occurs there than among the labelled ones, out of fold.
        auc: with which ``odds`` tell one from the other; 0.5 is chance.
        features: by which they were compared.
    """

    against: str
    ids: tuple[str, ...]
    is_other: Array
    odds: Array
    auc: Interval
    features: str

    @property
    def alike(self) -> bool:
        """Whether the classifier can hardly tell them apart."""
        return self.auc.score < ALIKE or self.auc.low <= 0.5

    @property
    def verdict(self) -> str:
        """In words."""
        if self.alike:
            return "alike"
        return "quite unlike" if self.auc.score < UNLIKE else "very unlike"

    @property
    def most_unlike(self) -> tuple[str, ...]:
        """The ids of ``against``, those that are least like the labelled images first."""
        rows = np.flatnonzero(self.is_other)
        return tuple(self.ids[row] for row in rows[np.argsort(-self.odds[rows], kind="stable")])

    def weights(self, ids: tuple[str, ...]) -> Array:
        """What each of some labelled images counts in a weighted score: (len(ids),), of mean 1.

        Raises:
            KeyError: an id was not compared.
        """
        odds_of = dict(zip(self.ids, self.odds.tolist(), strict=True))
        clipped = np.minimum([odds_of[name] for name in ids], MOST_WEIGHT)
        return clipped / clipped.mean()


def key(input: Input, dataset: Dataset) -> str:
    """A hash of everything that a comparison is made from."""
    steps = versions("adversarial", "feature_regression", "folds", "metrics")
    return fp.fingerprint(adversarial=input.key(dataset), steps=steps)


def other_split(dataset: Dataset) -> str | None:
    """What the labelled images can be compared with: the test, else the hold-out; None without either."""
    return next((split for split in (TEST, HOLDOUT) if len(dataset.rows(split)) >= FOLDS), None)


def load_or_compare(
    file: Path, made_from: str, features: str, open_cache: Callable[[], Cache], dataset: Dataset
) -> Likeness | None:
    """The kept comparison of a data set, or a new one; None where there is nothing that can be compared.

    Args:
        file: where it is kept.
        made_from: from ``key``.
        features: their name.
        open_cache: gives the features of each image: (n, d), or (n, views, d), of which the first view counts.
        dataset: the images.
    """
    against = other_split(dataset)
    if against is None:
        return None
    with lock(file, "the comparison of the test with the training images"):
        kept = tables.read(file, made_from)
        if kept is None:
            compared = compare(open_cache(), dataset, against)
            if compared is None:
                return None
            kept = {against: compared}
            tables.write(file, made_from, kept)
    table = kept[against]
    is_other = dataset.splits[dataset.rows_of(table.ids)] == against
    probability = table.probabilities[:, 1].astype(np.float64)
    auc = METRICS["auc"].interval(is_other.astype(int), table.probabilities, dataset.groups_of(table.ids))
    return Likeness(against, table.ids, is_other, probability / np.maximum(1 - probability, 1e-9), auc, features)


def compare(cache: Cache, dataset: Dataset, against: str) -> Predictions | None:
    """For each image, the out-of-fold probability that it is of ``against``, were there as many of each.

    Of a few penalties, the one with the lowest log loss is taken. Copies of an image, and other groups, stay in one
    fold; None where there are too few of them for that.
    """
    labelled = (TRAIN, HOLDOUT) if against == TEST else (TRAIN,)
    rows = np.flatnonzero(np.isin(dataset.splits, (*labelled, against)) & cache.readable)
    is_other = (dataset.splits == against).astype(np.int32)
    values: Rows = cache.rows if len(cache.rows.shape) == 2 else np.asarray(cache.rows)[:, 0]
    # An image may be in both splits: its copies are one group of two classes.
    try:
        fold_of = grouped_folds(is_other[rows], dataset.groups[rows], FOLDS, seed=42)
    except UserError:
        return None
    if (fold_of == ALWAYS_TRAIN).any():
        return None  # all of one side is of one group: nothing of it could be out of fold
    random = np.random.default_rng(0)
    found = np.full((len(CS), len(rows), 2), 0.5, np.float32)
    with progress("comparing the test with the training images", FOLDS * len(CS), "fit") as bar:
        for fold in range(FOLDS):
            train = rows[fold_of != fold]
            others, ours = train[is_other[train] == 1], train[is_other[train] == 0]
            ours = np.sort(random.permutation(ours)[:MOST])
            fitted = linear_path.fit_path(
                values, is_other, 2, CS, rows=np.concatenate([ours, others]), fitted=lambda: bar.update(1)
            )
            told = linear.probabilities(fitted, values, rows[fold_of == fold])
            told = told / np.array([len(ours), len(others)])  # as if there were as many of each
            found[:, fold_of == fold] = told / told.sum(axis=2, keepdims=True)
    losses = [_balanced_loss(is_other[rows], probabilities) for probabilities in found]
    return Predictions(dataset.ids_of(rows), ("labelled", against), found[int(np.argmin(losses))])


def _balanced_loss(labels: Array, probabilities: Array) -> float:
    """The log loss in which both classes count the same."""
    losses = LOG_LOSS.rows(labels, probabilities)
    return float(np.mean([losses[labels == one].mean() for one in (0, 1)]))


@dataclass(frozen=True)
class Estimate:
    """A score of labelled images, and what it says of the other split.

    Args:
        split: whose images are scored.
        plain: their score.
        weighted: their score in which each counts as often as its like occurs in the other split; None where too few
            images would decide it, or the splits hardly overlap.
        worth: how many equally weighted images the weighted score is worth.
        images: how many are scored.
    """

    split: str
    plain: Interval
    weighted: Interval | None
    worth: float
    images: int


def estimate(
    likeness: Likeness,
    split: str,
    labels: Array,
    predictions: Predictions,
    metric: Metric,
    groups: Array | None = None,
) -> Estimate:
    """Weigh a score by how much more often each image's like occurs in the other split.

    Args:
        likeness: the comparison.
        split: whose images these are.
        labels: (n,) their class numbers.
        predictions: of these images.
        metric: the competition's.
        groups: (n,) of these images, by which their scores are resampled; None if they are independent.
    """
    compared = set(likeness.ids)
    rows = [row for row, name in enumerate(predictions.ids) if name in compared]
    labels, probabilities = labels[rows], predictions.probabilities[rows]
    groups = None if groups is None else groups[rows]
    weights = likeness.weights(tuple(predictions.ids[row] for row in rows))
    worth = worth_of(weights)
    overlap = worth >= FEWEST_WORTH and likeness.auc.score < APART
    weighted = metric.weighted(labels, probabilities, weights, groups) if overlap else None
    return Estimate(split, metric.interval(labels, probabilities, groups), weighted, worth, len(rows))
