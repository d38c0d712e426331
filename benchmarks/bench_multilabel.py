"""A regression a label against one multinomial regression of as many columns, on the same drawn features.

    .venv/bin/python benchmarks/bench_multilabel.py [ROWS] [LABELS] [STEPS]

Prints CPU seconds of both, their ratio a column, and the peak memory. Both solve the same number of columns from the
same features by the same L-BFGS; labels are as frequent as those of a board: most are rare. With STEPS both stop after
so many steps of L-BFGS for each C, where solving to the end would take hours: memory is that of the whole fit, and the
ratio that of a step.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np

from harness.models.linear_path import fit_path

FEATURES = 1280
C = (3e-3, 1e-2, 3e-2)


def drawn(rows: int, labels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (rows, FEATURES) float32, labels (rows, labels) int8, and one class of these for each row."""
    random = np.random.default_rng(0)
    features = random.standard_normal((rows, FEATURES), dtype=np.float32)
    scores = features[:, :64] @ random.standard_normal((64, labels), dtype=np.float32) / 8
    share = np.geomspace(0.2, 0.005, labels)
    noisy = scores + random.standard_normal(scores.shape, dtype=np.float32)
    marks = (noisy > np.quantile(noisy, 1 - share, axis=0).diagonal()).astype(np.int8)
    return features, marks, (noisy + np.log(share)).argmax(axis=1)


def main(rows: int, labels: int, steps: int = 1000) -> None:
    features, marks, classes = drawn(rows, labels)
    seconds = {}
    for name, truth, link in (("multinomial", classes, "softmax"), ("a label each", marks, "sigmoid")):
        started = time.process_time()
        models = fit_path(features, truth, labels, C, link=link, iterations=steps)
        seconds[name] = time.process_time() - started
        assert len(models) == len(C) and np.isfinite(models[-1].weights).all()
        print(f"{name}: {seconds[name]:.1f} CPU seconds for {len(C)} C of {rows:,} rows × {labels} columns")
    print(f"a label each takes {seconds['a label each'] / seconds['multinomial']:.2f} times the multinomial, a column")
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


if __name__ == "__main__":
    main(*(int(argument) for argument in (sys.argv[1:] + ["10000", "100"][len(sys.argv) - 1 :])))
