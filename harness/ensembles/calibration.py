"""Calibration of probabilities: a temperature, then a floor under every probability, fitted to minimise log loss.

Several labels share one temperature and one floor, which keeps their probabilities from 1 as well as from 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.data.targets.links import CLIP, LINKS
from harness.scoring.metrics import METRICS

Array = np.ndarray

COLDEST, HOTTEST = 0.05, 20.0
FLOORS = (0.0, 1e-6, 1e-5, 1e-4, 3e-4, 1e-3, 2e-3, 3e-3, 5e-3, 0.01, 0.02, 0.05)
ROUNDS = 4


@dataclass(frozen=True)
class Calibration:
    """A fitted calibration of one member.

    Args:
        temperature: log-probabilities are divided by it; above 1 makes them less confident, below 1 more.
        floor: smaller probabilities are raised to it; each row of classes is then scaled to sum to one.
        link: of the predictions, "softmax" or "sigmoid".
    """

    temperature: float
    floor: float
    link: str = "softmax"

    def __call__(self, members: Array) -> Array:
        (probabilities,) = members
        if self.link == "sigmoid":
            link = LINKS[self.link]
            softened = link.predictions(link.scores(probabilities) / self.temperature)
            return np.clip(softened, self.floor, 1 - self.floor)
        logs = np.log(np.clip(probabilities.astype(np.float64), CLIP, 1)) / self.temperature
        calibrated = np.exp(logs - logs.max(axis=1, keepdims=True))
        calibrated = np.maximum(calibrated / calibrated.sum(axis=1, keepdims=True), self.floor)
        return calibrated / calibrated.sum(axis=1, keepdims=True)

    def about(self) -> dict[str, Any]:
        return {"temperature": self.temperature, "floor": self.floor}


def calibrate(members: Array, labels: Array, link: str = "softmax") -> Calibration:
    """The temperature and the floor that minimise log loss, optimised in turn.

    The floor limits the loss of one image, which otherwise is up to 34.5: a few mislabelled images can cost more than
    all others together.

    Source: Guo, Pleiss, Sun & Weinberger, On Calibration of Modern Neural Networks (ICML 2017), for the temperature.

    Args:
        members: (1, n, k) probabilities of rows that the member was not trained on.
        labels: (n,) class numbers, or (n, k) of 0 and 1.
        link: of the predictions.
    """
    from scipy.optimize import minimize_scalar

    def loss(temperature: float, floor: float) -> float:
        return METRICS["log_loss"].score(labels, Calibration(temperature, floor, link)(members))

    def best_temperature(floor: float) -> float:
        # Without a floor the loss is convex in 1 / temperature, so a bounded search finds the minimum.
        bounds = (1 / HOTTEST, 1 / COLDEST)
        optimum = minimize_scalar(
            lambda inverse: loss(1 / inverse, floor), bounds=bounds, method="bounded", options={"xatol": 1e-4}
        )
        return 1 / float(optimum.x)

    temperature, floor = best_temperature(0.0), 0.0
    for _ in range(ROUNDS):
        best_floor = min(FLOORS, key=lambda candidate: loss(temperature, candidate))
        if best_floor == floor:
            break
        temperature, floor = best_temperature(best_floor), best_floor
    # With a floor the loss has several minima, and the search may end in one that is worse than no calibration.
    fitted = (temperature, floor)
    return Calibration(*min(fitted, (1.0, 0.0), key=lambda candidate: loss(*candidate)), link)
