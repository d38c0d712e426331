"""The kept scores of a run."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from harness.runs import scores
from harness.scoring import predictions as tables
from harness.scoring.metrics import METRICS
from harness.scoring.predictions import Predictions
from tests.conftest import drawn


@pytest.mark.parametrize("metric", ["accuracy", "log_loss", "macro_f1"])
def test_intervals_are_over_groups_where_rows_are_not_independent(tmp_path: Path, metric: str):
    dataset = dataclasses.replace(drawn(60, splits=["holdout"] * 60), groups=np.arange(60) // 6, grouped=True)
    probabilities = np.random.default_rng(0).dirichlet(np.ones(3), 10).repeat(6, axis=0).astype(np.float32)
    table = Predictions(dataset.ids[::-1], dataset.classes, probabilities[::-1])
    tables.write(tmp_path / "predictions.h5", "key", {"out_of_fold": table, "holdout": table})
    scores.evaluate(tmp_path, "key", metric, {}, dataset)
    kept, groups = scores.kept(tmp_path, "key", metric), dataset.groups[::-1]
    wanted = METRICS[metric].interval(dataset.labels[::-1], table.probabilities, groups)
    for split in ("out_of_fold", "holdout"):
        assert (kept[split]["low"], kept[split]["high"]) == pytest.approx((wanted.low, wanted.high))
