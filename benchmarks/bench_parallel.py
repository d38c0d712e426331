"""What several threads share (``harness.utils.parallel``), on all cores against one."""

from __future__ import annotations

import os
from collections.abc import Callable

import joblib
import numpy as np
from common import rounds, verdict

from harness.data import near_duplicates
from harness.scoring.metrics import METRICS

Array = np.ndarray

HASHES, PAIRS = 60_000, 40_000
ROWS, COLUMNS = 100_000, 10


def on(jobs: int, work: Callable[[], object]) -> Callable[[], object]:
    """The work, shared by so many threads; -1 for one a core."""

    def run() -> None:
        with joblib.parallel_config(n_jobs=jobs):
            work()

    return run


def compare(name: str, work: Callable[[], object], target: float) -> None:
    took = rounds({"one": on(1, work), "all": on(-1, work)})
    print(f"  {name}: {took['one']:.2f} s by one thread, {took['all']:.2f} s by {os.cpu_count()}")
    verdict("times as fast on all cores", took["one"] / took["all"], target)


def predicted(rows: int, columns: int) -> tuple[Array, Array]:
    """Labels (rows,) and probabilities (rows, columns) that are better than chance."""
    random = np.random.default_rng(0)
    labels = random.integers(0, columns, rows)
    logits = random.normal(size=(rows, columns))
    logits[np.arange(rows), labels] += 1
    probabilities = np.exp(logits)
    return labels, (probabilities / probabilities.sum(axis=1, keepdims=True)).astype(np.float32)


def main() -> None:
    random = np.random.default_rng(0)
    hashes = random.integers(0, 2**64, HASHES, dtype=np.uint64)
    compare(
        f"pairs among {HASHES:,} hashes", lambda: near_duplicates.close_pairs(hashes, near_duplicates.DISTANCE), 1.2
    )
    # Copies that are equal in pairs, so that each of so many pairs has to be compared by its thumbnails.
    copies = np.repeat(random.integers(0, 2**64, PAIRS // 10, dtype=np.uint64), 5)
    thumbnails = random.integers(0, 255, (len(copies), *near_duplicates.THUMBNAIL.shape), dtype=np.uint8)
    compare(f"{PAIRS:,} pairs of thumbnails", lambda: near_duplicates.alike(copies, thumbnails), 1.2)
    for name, columns in (("auc", 2), ("mean_column_auc", COLUMNS), ("macro_f1", COLUMNS)):
        labels, probabilities = predicted(ROWS, columns)
        metric = METRICS[name].of(labels)
        compare(
            f"2,000 draws of {ROWS:,} rows, {metric.title}",
            lambda metric=metric, labels=labels, probabilities=probabilities: metric.interval(labels, probabilities),
            1.2,
        )


if __name__ == "__main__":
    main()
