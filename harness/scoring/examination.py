"""What predictions get wrong, and how far their probabilities can be believed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Array = np.ndarray

BINS = 10


@dataclass(frozen=True)
class Confusion:
    """How often images of one class were given another."""

    true: int
    given: int
    count: int


@dataclass(frozen=True)
class Bin:
    """What was given a probability in one tenth of 0…1: the mean, the share that is right, how many there are."""

    confidence: float
    right: float
    count: int


@dataclass(frozen=True)
class Examination:
    """An examination of n labelled rows. Rows are numbers among these.

    Args:
        counts: (classes,) rows of each class.
        recalls: (classes,) the share of each class's rows that were given it; nan where there are none.
        confusions: the wrong pairs of classes, the most frequent first.
        worst: the wrong rows, those with the least probability of their class first.
        doubtful: the rows whose two most probable classes are closest, right or wrong.
        label_errors: the rows whose label is likely wrong, the likeliest first: a hint, not a finding.
    """

    counts: Array
    recalls: Array
    confusions: list[Confusion]
    worst: Array
    doubtful: Array
    label_errors: Array


def examine(labels: Array, probabilities: Array, undecided: Array | None = None) -> Examination:
    """Examine probabilities (n, classes) of rows with class numbers (n,), n at least 1.

    Args:
        labels: the class numbers.
        probabilities: of which the greatest says what is given.
        undecided: the probabilities as they were before thresholds decided; None where they are the same.
    """
    undecided = probabilities if undecided is None else undecided
    classes, given = probabilities.shape[1], probabilities.argmax(axis=1)
    counts = np.bincount(labels, minlength=classes)
    right = np.bincount(labels[given == labels], minlength=classes)
    pairs, times = np.unique(np.stack([labels, given], axis=1)[given != labels], axis=0, return_counts=True)
    confusions = [Confusion(int(a), int(b), int(n)) for (a, b), n in zip(pairs, times, strict=True)]
    own = np.take_along_axis(probabilities, labels[:, None], axis=1)[:, 0]
    wrong = np.flatnonzero(given != labels)
    first_two = np.sort(undecided, axis=1)[:, -2:]
    return Examination(
        counts=counts,
        recalls=np.divide(right, counts, out=np.full(classes, np.nan), where=counts > 0),
        confusions=sorted(confusions, key=lambda pair: -pair.count),
        worst=wrong[np.argsort(own[wrong], kind="stable")],
        doubtful=np.argsort(first_two[:, 1] - first_two[:, 0], kind="stable"),
        label_errors=likely_label_errors(labels, undecided),
    )


@dataclass(frozen=True)
class Threshold:
    """Something is given from a probability on, a class of two or a label: what comes of it.

    Args:
        at: the probability.
        accuracy: the share of cases in which it is rightly given or rightly not.
        precision: the share of the cases in which it is given that are of it; 1 where none is.
        recall: the share of its cases in which it is given.
    """

    at: float
    accuracy: float
    precision: float
    recall: float

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def thresholds(positive: Array, probabilities: Array) -> list[Threshold]:
    """What each threshold from 0.02 to 0.98 makes of the probabilities (n,) of what is there or not (n,)."""
    found = []
    for at in np.arange(1, 50) / 50:
        given = probabilities >= at
        hits = int((given & positive).sum())
        precision = hits / given.sum() if given.any() else 1.0
        recall = hits / positive.sum() if positive.any() else float("nan")
        found.append(Threshold(float(at), float((given == positive).mean()), float(precision), float(recall)))
    return found


def of_given_class(labels: Array, probabilities: Array) -> list[Bin]:
    """How often the most probable class of rows (n, classes) is right, by its probability."""
    return reliability(probabilities.argmax(axis=1) == labels, probabilities.max(axis=1))


def reliability(is_right: Array, confidences: Array) -> list[Bin]:
    """How often what has a probability (n,) is so (n,), in ten bins of equal width; those without any are left out.

    Source: Guo, Pleiss, Sun & Weinberger, On Calibration of Modern Neural Networks (ICML 2017).
    """
    confidences = confidences.astype(np.float64)
    number = np.minimum((confidences * BINS).astype(int), BINS - 1)
    return [
        Bin(float(confidences[inside].mean()), float(is_right[inside].mean()), int(inside.sum()))
        for one in range(BINS)
        if (inside := number == one).any()
    ]


def calibration_error(bins: list[Bin]) -> float:
    """The expected calibration error, 0…1."""
    return sum(abs(one.right - one.confidence) * one.count for one in bins) / sum(one.count for one in bins)


def likely_label_errors(labels: Array, probabilities: Array) -> Array:
    """Rows that count as another class than their label's, the likeliest errors first: (m,) row numbers.

    A row counts as a class if its probability is at least the mean probability of that class among the rows that
    bear its label; of several such classes, as the most probable one. ``probabilities`` must be out of fold.

    Source: Northcutt, Jiang & Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels (JAIR 2021).
    """
    classes = probabilities.shape[1]
    means = [probabilities[labels == one, one].mean() if (labels == one).any() else np.inf for one in range(classes)]
    candidates = np.where(probabilities >= np.array(means), probabilities, -1.0)
    own = np.take_along_axis(probabilities, labels[:, None], axis=1)[:, 0]
    margins = own - candidates.max(axis=1)
    # Where the label's own class is at least as probable as those that a row could count as, it is not in doubt.
    suspicious = np.flatnonzero((candidates.max(axis=1) >= 0) & (margins < 0))
    return suspicious[np.argsort(margins[suspicious], kind="stable")]
