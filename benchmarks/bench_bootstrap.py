"""The bootstrap interval of AUC on 100,000 rows: one sort for all draws, against a new AUC for each draw."""

from __future__ import annotations

import time

import numpy as np
from common import verdict
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from harness.scoring.metrics import METRICS

ROWS, DRAWS, SECONDS = 100_000, 2000, 5.0
# Of scikit-learn's draws so many are timed; all would take minutes.
TIMED = 20


def main() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, ROWS)
    values = 1 / (1 + np.exp(-random.normal(size=ROWS) - labels))
    probabilities = np.stack([1 - values, values], axis=1).astype(np.float32)
    with threadpool_limits(1):
        started = time.process_time()
        found = METRICS["auc"].interval(labels, probabilities)
        took = time.process_time() - started
        started = time.process_time()
        for _ in range(TIMED):
            rows = random.integers(0, ROWS, ROWS)
            roc_auc_score(labels[rows], probabilities[rows, 1])
        anew = (time.process_time() - started) / TIMED * DRAWS
        print(f"  AUC {found} on {ROWS:,} rows, {DRAWS:,} draws")
        verdict("seconds of one core", took, SECONDS, at_least=False)
        verdict("times as fast as scikit-learn's AUC of each draw", anew / took, 5)
        for name in ("mean_column_auc", "macro_f1", "quadratic_weighted_kappa", "probabilistic_f1"):
            started = time.process_time()
            METRICS[name].interval(labels, probabilities)
            print(f"  {METRICS[name].title}: {time.process_time() - started:.1f} s")


if __name__ == "__main__":
    main()
