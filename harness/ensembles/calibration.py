"""Calibration: how sure to be. A temperature, then a floor under every probability, fitted for log loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.metrics import CLIP, METRICS

Array = np.ndarray

COLDEST, HOTTEST = 0.05, 20.0
FLOORS = (0.0, 1e-6, 1e-5, 1e-4, 3e-4, 1e-3, 2e-3, 3e-3, 5e-3, 0.01, 0.02, 0.05)
ROUNDS = 4


@dataclass(frozen=True)
class Calibration:
    """A fitted calibration of one member.

    Args:
        temperature: log-probabilities are divided by it: above 1 is less sure, below 1 surer.
        floor: smaller probabilities are raised to it, and each row is scaled to sum to one.
    """

    temperature: float
    floor: float

    def __call__(self, members: Array) -> Array:
        (probabilities,) = members
        logs = np.log(np.clip(probabilities.astype(np.float64), CLIP, 1)) / self.temperature
        found = np.exp(logs - logs.max(axis=1, keepdims=True))
        found = np.maximum(found / found.sum(axis=1, keepdims=True), self.floor)
        return found / found.sum(axis=1, keepdims=True)

    def about(self) -> dict[str, Any]:
        return {"temperature": self.temperature, "floor": self.floor}


def calibrate(members: Array, labels: Array) -> Calibration:
    """The temperature and the floor of the least log loss, each sought in turn.

    The floor is what keeps a certain mistake from costing 34.5: a handful of mislabelled images can cost more than all
    others together.

    Source: Guo, Pleiss, Sun & Weinberger, On Calibration of Modern Neural Networks (ICML 2017), for the temperature.

    Args:
        members: (1, n, k) probabilities of rows that the member was not trained on.
        labels: (n,) class numbers.
    """
    from scipy.optimize import minimize_scalar

    def loss(temperature: float, floor: float) -> float:
        return METRICS["log_loss"].score(labels, Calibration(temperature, floor)(members))

    def best_temperature(floor: float) -> float:
        # Without a floor the loss is convex in 1 / temperature, so that a bounded search finds its one minimum.
        bounds = (1 / HOTTEST, 1 / COLDEST)
        found = minimize_scalar(
            lambda inverse: loss(1 / inverse, floor), bounds=bounds, method="bounded", options={"xatol": 1e-4}
        )
        return 1 / float(found.x)

    temperature, floor = best_temperature(0.0), 0.0
    for _ in range(ROUNDS):
        better = min(FLOORS, key=lambda tried: loss(temperature, tried))
        if better == floor:
            break
        temperature, floor = best_temperature(better), better
    return Calibration(temperature, floor)
