"""The ledger of views: gains on identical rows, costs against plain, and a recommendation that pays its way."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from harness.ensembles.combine import AVERAGES
from harness.ensembles.gain import Gain
from harness.ensembles.ledger import Entry, ledger, recommended
from harness.metrics import METRICS
from tests.ensembles.cases import probabilities

LOG_LOSS = METRICS["log_loss"]


def mean(members: np.ndarray) -> np.ndarray:
    return AVERAGES["mean"](members, np.full(len(members), 1 / len(members)))


def test_each_view_and_each_set_gets_its_score_gain_and_cost():
    random = np.random.default_rng(0)
    labels = random.integers(0, 4, 2001)
    view = partial(probabilities, random, labels, 4)
    views = {"identity": view(1.5), "mirror": view(1.5), "noise": view(-1.0)}
    costs = {"identity": 2.0, "mirror": 2.0, "noise": 3.0}
    sets = {"both": ("identity", "mirror"), "all": ("identity", "mirror", "noise")}
    found = {entry.name: entry for entry in ledger(LOG_LOSS, labels, views, sets, "identity", costs, mean)}
    assert [*found] == ["identity", "mirror", "noise", "both", "all"]
    assert {name: entry.cost for name, entry in found.items()} == {
        "identity": 1, "mirror": 1, "noise": 1.5, "both": 2, "all": 3.5
    }  # fmt: skip
    plain = LOG_LOSS.score(labels, views["identity"])
    for entry in found.values():
        averaged = np.mean([views[name] for name in entry.views], axis=0)
        assert entry.score == pytest.approx(LOG_LOSS.score(labels, averaged))
        assert entry.gain.gain == pytest.approx(plain - entry.score)
    assert found["identity"].gain == Gain(0, 0, 0)
    assert (found["both"].gain.verdict, found["noise"].gain.verdict) == ("better", "worse")
    assert recommended([*found.values()]) == found["both"]


def entry(name: str, cost: float, gain: float, half: float) -> Entry:
    return Entry(name, (name,), 0.5, Gain(gain, gain - half, gain + half), cost)


def test_the_cheapest_set_that_does_about_as_well_as_the_best_is_recommended():
    plain, cheap = entry("plain", 1, 0, 0), entry("cheap", 2, 0.008, 0.004)
    weak, dear = entry("weak", 1.5, 0.002, 0.001), entry("dear", 10, 0.010, 0.004)
    assert recommended([plain, weak, cheap, dear]) == cheap
    assert recommended([plain, weak]) == weak


def test_nothing_is_recommended_within_noise_or_worse():
    assert recommended([entry("plain", 1, 0, 0), entry("one", 2, 0.01, 0.02), entry("other", 2, -0.02, 0.01)]) is None


def test_plain_and_views_on_different_rows_are_refused():
    with pytest.raises(ValueError, match="the same 5 rows"):
        views = {"identity": np.full((5, 2), 0.5), "mirror": np.full((4, 2), 0.5)}
        ledger(LOG_LOSS, np.zeros(5, int), views, {}, "identity", {"identity": 1, "mirror": 1}, mean)
