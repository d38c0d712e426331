"""Wherever a score or a gain gets an interval, rows that are not independent are resampled by groups."""

from __future__ import annotations

import numpy as np
import pytest

from harness.data.dataset import Dataset
from harness.scoring.metrics import Metric
from harness.utils.workspace import Workspace


def test_every_command_heeds_groups(insects: Workspace, harness, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Dataset, "groups_of", lambda dataset, ids: np.arange(len(ids)) // 3)
    interval, gain = Metric.interval, Metric.gain
    heeded: list[bool] = []

    def interval_noted(metric, labels, probabilities, groups=None):
        heeded.append(groups is not None)
        return interval(metric, labels, probabilities, groups)

    def gain_noted(metric, labels, ours, theirs, groups=None):
        heeded.append(groups is not None)
        return gain(metric, labels, ours, theirs, groups)

    monkeypatch.setattr(Metric, "interval", interval_noted)
    monkeypatch.setattr(Metric, "gain", gain_noted)
    for command in ("submit insects", "score insects", "runs insects", "diff insects coarse fine"):
        heeded.clear()
        assert harness(*command.split()).code == 0
        assert heeded and all(heeded), command
