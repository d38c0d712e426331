"""Hill climbing for log loss, against recomputing the metric at each trial; both must find the same weights."""

from __future__ import annotations

import numpy as np
from common import rounds, verdict

from harness.ensembles.hill_climbing import select
from harness.scoring.metrics import METRICS

LOG_LOSS = METRICS["log_loss"]


def library(members: int, rows: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Members of different skill that share some of their noise: (members, rows, classes), and labels (rows,)."""
    random = np.random.default_rng(0)
    labels = random.integers(0, classes, rows)
    logits = random.standard_normal((members, rows, classes), dtype=np.float32)
    logits += random.standard_normal((rows, classes), dtype=np.float32)
    logits[:, np.arange(rows), labels] += random.uniform(0.5, 2, (members, 1)).astype(np.float32)
    found = np.exp(logits, out=logits)
    found /= found.sum(axis=2, keepdims=True)
    return found, labels


def plain(members: np.ndarray, labels: np.ndarray, steps: int) -> np.ndarray:
    """The same selection as one would write it down: every trial averages, and computes the metric."""
    singles = [LOG_LOSS.score(labels, member) for member in members]
    order = np.argsort(singles, kind="stable")
    starts = [LOG_LOSS.score(labels, members[order[:count]].mean(axis=0)) for count in range(1, steps // 2 + 1)]
    picks = [*order[: int(np.argmin(starts)) + 1]]
    trail = starts[: len(picks)]
    total = members[picks].sum(axis=0, dtype=np.float64)
    while len(picks) < steps:
        trials = [LOG_LOSS.score(labels, (total + member) / (len(picks) + 1)) for member in members]
        picks.append(int(np.argmin(trials)))
        trail.append(min(trials))
        total += members[picks[-1]]
    best = int(np.argmin(trail)) + 1
    return np.bincount(picks[:best], minlength=len(members)) / best


def main() -> None:
    members, labels = library(200, 20_000, 10)
    seconds = rounds({"ours": lambda: select(members, labels, LOG_LOSS, steps=50, bags=1, seed=0)})["ours"]
    print(f"  200 members x 20,000 rows x 10 classes, 50 steps: {seconds:.2f} s")
    verdict("seconds", seconds, 1.0, at_least=False)

    few = np.ascontiguousarray(members[:60])
    found = {}

    def ours() -> None:
        found["ours"] = select(few, labels, LOG_LOSS, steps=50, bags=1, seed=0)

    def theirs() -> None:
        found["plain"] = plain(few, labels, 50)

    took = rounds({"ours": ours, "plain": theirs}, times=1)
    print(f"  60 of the members: {took['ours']:.3f} s, plainly {took['plain']:.2f} s")
    verdict("times as fast as the plain way", took["plain"] / took["ours"], 20)
    assert np.array_equal(found["ours"], found["plain"])
    print("  the weights are identical")


if __name__ == "__main__":
    main()
