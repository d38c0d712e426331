"""Links: from the scores of a linear model or of a network's last layer to predictions, and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

Array = np.ndarray

# Kaggle clips probabilities to this before taking logarithms, so a wrong prediction costs 34.5 at most.
CLIP = 1e-15
# A label is predicted if its probability is at least this.
DECISION = 0.5


class Link(ABC):
    """From scores to predictions. Both are (…, columns).

    ``words`` is what the words of ``said`` are called where they stand beside the predictions; "" where these say all.
    """

    words = ""

    @abstractmethod
    def predictions(self, scores: Array) -> Array:
        """What scores say."""

    @abstractmethod
    def scores(self, predictions: Array) -> Array:
        """Scores that give these predictions: float64."""

    @abstractmethod
    def normal(self, predictions: Array) -> Array:
        """Weighted sums of predictions as predictions again."""

    @abstractmethod
    def said(self, predictions: Array, names: Sequence[str]) -> str:
        """What the predictions of a row (columns,) say, in words; ``names`` are those of the columns."""


class Softmax(Link):
    """One class of several: each row of probabilities sums to one."""

    words = "class"

    def predictions(self, scores: Array) -> Array:
        from scipy.special import softmax

        return softmax(scores, axis=-1)

    def scores(self, predictions: Array) -> Array:
        return np.log(np.clip(np.asarray(predictions, np.float64), CLIP, 1))

    def normal(self, predictions: Array) -> Array:
        return predictions / predictions.sum(axis=-1, keepdims=True)

    def said(self, predictions: Array, names: Sequence[str]) -> str:
        return names[int(predictions.argmax())]


class Sigmoid(Link):
    """Several labels: each column is a probability of its own."""

    words = "labels"

    def predictions(self, scores: Array) -> Array:
        from scipy.special import expit

        return expit(scores)

    def scores(self, predictions: Array) -> Array:
        from scipy.special import logit

        return logit(np.clip(np.asarray(predictions, np.float64), CLIP, 1 - CLIP))

    def normal(self, predictions: Array) -> Array:
        return np.clip(predictions, 0, 1)

    def said(self, predictions: Array, names: Sequence[str]) -> str:
        return ", ".join(name for name, value in zip(names, predictions, strict=True) if value >= DECISION) or "none"


class Identity(Link):
    """A number: the score itself."""

    def predictions(self, scores: Array) -> Array:
        return scores

    def scores(self, predictions: Array) -> Array:
        return np.asarray(predictions, np.float64)

    def normal(self, predictions: Array) -> Array:
        return predictions

    def said(self, predictions: Array, names: Sequence[str]) -> str:
        return f"{float(predictions[0]):g}"


LINKS: dict[str, Link] = {"softmax": Softmax(), "sigmoid": Sigmoid(), "identity": Identity()}
