"""Made-up members: probabilities that know the label more or less well."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from harness.ensembles.members import Members
from harness.scoring.metrics import METRICS
from harness.scoring.predictions import Predictions

Array = np.ndarray
CLASSES = "abcdefghij"


def probabilities(random: np.random.Generator, labels: Array, classes: int, skill: float, shared: Array | float = 0):
    """(n, classes) float32: noise, more of it ``shared`` with others, and ``skill`` for the true class."""
    logits = random.normal(size=(len(labels), classes)) + shared
    logits[np.arange(len(labels)), labels] += skill
    found = np.exp(logits)
    return (found / found.sum(axis=1, keepdims=True)).astype(np.float32)


def case(seed: int, skills: tuple[float, ...], n: int, classes: int) -> tuple[Array, Array]:
    """Members' probabilities (m, n, classes) and labels (n,)."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, n)
    shared = random.normal(size=(n, classes))
    return np.stack([probabilities(random, labels, classes, skill, shared) for skill in skills]), labels


def named(members: Array) -> Members:
    """Members with names and ids, in order."""
    _, n, classes = members.shape
    names = tuple(f"member {number:03d}" for number in range(len(members)))
    return Members(names, tuple(f"{row:06d}" for row in range(n)), tuple(CLASSES[:classes]), members)


def tables(members: Array) -> dict[str, Predictions]:
    """The same as recipes' predictions by name."""
    made = named(members)
    return {name: Predictions(made.ids, made.classes, one) for name, one in zip(made.names, members, strict=True)}


CASES = st.builds(
    case,
    st.integers(0, 10**6),
    st.lists(st.floats(0, 3), min_size=1, max_size=6).map(tuple),
    st.integers(10, 60),
    st.integers(2, 5),
)


def _with_each_class(found: tuple[Array, Array]) -> tuple[Array, Array]:
    members, labels = found
    count = members.shape[2]
    return members, np.concatenate([np.arange(count), labels[count:]])


# Without a row of each class, some metrics have no score. Lists of three or more hold nearly all of so few classes.
SCORED_CASES = CASES.map(_with_each_class)
SCORED_BY = [metric for metric in METRICS.values() if "multiclass" in metric.kinds and metric.judges != "ranking"]
