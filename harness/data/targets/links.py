"""Links: from the scores of a linear model or of a network's last layer to predictions, and back."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

Array = np.ndarray

# Kaggle clips probabilities to this before taking logarithms, so a wrong prediction costs 34.5 at most.
CLIP = 1e-15
# A label is predicted if its probability is at least this.
DECISION = 0.5


class Link(ABC):
    """From scores to predictions. Both are (…, columns)."""

    @abstractmethod
    def predictions(self, scores: Array) -> Array:
        """What scores say."""

    @abstractmethod
    def scores(self, predictions: Array) -> Array:
        """Scores that give these predictions: float64."""

    @abstractmethod
    def normal(self, predictions: Array) -> Array:
        """Weighted sums of predictions as predictions again."""


class Softmax(Link):
    """One class of several: each row of probabilities sums to one."""

    def predictions(self, scores: Array) -> Array:
        from scipy.special import softmax

        return softmax(scores, axis=-1)

    def scores(self, predictions: Array) -> Array:
        return np.log(np.clip(np.asarray(predictions, np.float64), CLIP, 1))

    def normal(self, predictions: Array) -> Array:
        return predictions / predictions.sum(axis=-1, keepdims=True)


class Sigmoid(Link):
    """Several labels: each column is a probability of its own."""

    def predictions(self, scores: Array) -> Array:
        from scipy.special import expit

        return expit(scores)

    def scores(self, predictions: Array) -> Array:
        from scipy.special import logit

        return logit(np.clip(np.asarray(predictions, np.float64), CLIP, 1 - CLIP))

    def normal(self, predictions: Array) -> Array:
        return np.clip(predictions, 0, 1)


class Identity(Link):
    """A number: the score itself."""

    def predictions(self, scores: Array) -> Array:
        return scores

    def scores(self, predictions: Array) -> Array:
        return np.asarray(predictions, np.float64)

    def normal(self, predictions: Array) -> Array:
        return predictions


LINKS: dict[str, Link] = {"softmax": Softmax(), "sigmoid": Sigmoid(), "identity": Identity()}
