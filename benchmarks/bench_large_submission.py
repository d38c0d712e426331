"""Linting and scoring a submission of 1,000,000 rows of 20 columns, in a process of its own: seconds and memory.

    .venv/bin/python benchmarks/bench_large_submission.py [ROWS] [METRIC …]

The child reads the CSV from the disk as ``harness score`` does: it looks for every defect, joins by id, and scores with
an interval. Memory is the most that the child ever had, libraries and labels included.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from pathlib import Path

import numpy as np
from common import scratch, verdict

from harness.data.dataset import Dataset
from harness.scoring import submission_csv
from harness.scoring.leaderboard import Leaderboard
from harness.scoring.metrics import METRICS
from harness.scoring.predictions import Predictions
from harness.scoring.score import score_file
from harness.scoring.submission_format import SubmissionFormat

ROWS, CLASSES = 1_000_000, tuple(f"class {number}" for number in range(20))
FORM = SubmissionFormat(value="probabilities", decimals=9)
SECONDS, GIGABYTES = 30.0, 2.0
METRICS_TRIED = ("log_loss", "mean_column_auc")


def table(rows: int) -> Dataset:
    ids = tuple(f"image_{number:07d}.jpg" for number in range(rows))
    labels = np.random.default_rng(0).integers(len(CLASSES), size=rows).astype(np.int32)
    splits, groups = np.full(rows, "holdout"), np.arange(rows)
    return Dataset(ids, splits, labels, groups, ids, ids, CLASSES, None, "drawn")  # type: ignore[arg-type]


def write(file: Path, rows: int) -> None:
    dataset, random = table(rows), np.random.default_rng(1)
    scores = random.standard_normal((rows, len(CLASSES)), dtype=np.float32)
    scores[np.arange(rows), dataset.labels] += 2
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    submission_csv.write(FORM, file, Predictions(dataset.ids, CLASSES, probabilities))


def scored(file: Path, rows: int, metric: str, answers: multiprocessing.Queue) -> None:
    dataset, started, began = table(rows), time.perf_counter(), time.process_time()
    score = score_file(file, FORM, METRICS[metric], dataset, Leaderboard((), METRICS[metric]))
    took, busy = time.perf_counter() - started, time.process_time() - began
    answers.put((str(score), took, busy, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20))


def main(rows: int, metrics: tuple[str, ...]) -> None:
    fresh = multiprocessing.get_context("spawn")
    with scratch() as name:
        file = Path(name) / "submission.csv"
        writer = fresh.Process(target=write, args=(file, rows))
        writer.start()
        writer.join()
        print(f"{rows:,} rows of {len(CLASSES)} columns, {file.stat().st_size / 1e6:.0f} MB")
        for metric in metrics:
            answers = fresh.Queue()
            child = fresh.Process(target=scored, args=(file, rows, metric, answers))
            child.start()
            score, seconds, busy, gigabytes = answers.get()
            child.join()
            print(f"  {score}; {busy:.1f} CPU seconds")
            verdict(f"{metric}: seconds", seconds, SECONDS, at_least=False)
            verdict(f"{metric}: GiB", gigabytes, GIGABYTES, at_least=False)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS, tuple(sys.argv[2:]) or METRICS_TRIED)
