"""How far in-sample gains of ensembles are from honest ones, and which fresh rows confirm: docs/ensembles.md.

On the digits inside scikit-learn, in repeats that differ in rows, folds and members: members predict 400 rows out of
fold, ensembles are fitted to these, and 1,397 rows that nothing has seen tell what the gain over the best member
(the one best out of fold) really is.
"""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from harness.data.folds import HoldOut, KFold
from harness.ensembles.calibration import calibrate
from harness.ensembles.combine import Average
from harness.ensembles.crossfit import Fit, Fitting
from harness.ensembles.gain import best_member, paired
from harness.ensembles.hill_climbing import select
from harness.ensembles.members import Members
from harness.ensembles.stacking import stack
from harness.scoring.metrics import METRICS

Array = np.ndarray
REPEATS, MEMBERS, ROWS = 6, 30, 400


def library(seed: int, pixels: int) -> tuple[Members, Array, Array, Array, Array]:
    """Members that each see a random few of the 64 pixels.

    Returns:
        out-of-fold predictions, their labels and folds; each fold's predictions of the fresh rows
        (5, m, n, 10), their labels.
    """
    digits = load_digits()
    images, labels = digits.data / 16, digits.target
    groups = np.arange(len(labels))
    fresh = ~HoldOut(ROWS, seed).cut(labels, groups)
    known = np.flatnonzero(~fresh)
    folds = KFold(5, seed=seed).split(labels[known], groups[known])[:, 0]
    random = np.random.default_rng(seed)
    out_of_fold, held = np.zeros((MEMBERS, ROWS, 10)), np.zeros((5, MEMBERS, fresh.sum(), 10))
    for member in range(MEMBERS):
        seen = images[:, random.permutation(64)[:pixels]]
        for fold in range(5):
            rows = known[folds != fold]
            model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1).fit(seen[rows], labels[rows])
            out_of_fold[member, folds == fold] = model.predict_proba(seen[known[folds == fold]])
            held[fold, member] = model.predict_proba(seen[fresh])
    names = tuple(f"member {number:02d}" for number in range(MEMBERS))
    members = Members(names, tuple(f"{row:04d}" for row in known), tuple("0123456789"), out_of_fold)
    return members, labels[known], folds, held, labels[fresh]


def hill_climbing(metric: str, bags: int = 1) -> Fit:
    return lambda members, labels: Average(
        select(members.probabilities, labels, METRICS[metric], steps=50, bags=bags, seed=0)
    )


def stacked(c: float) -> Fit:
    return lambda members, labels: stack(members.probabilities, labels, c)


def mean(members: Members, labels: Array) -> Average:
    return Average(np.ones(len(members.names)))


def calibrated(members: Members, labels: Array):
    average = mean(members, labels)
    calibration = calibrate(average(members.probabilities)[None], labels)
    return lambda asked: calibration(average(asked)[None])


ENSEMBLES: dict[str, Fit] = {
    "mean": mean,
    "mean, calibrated": calibrated,
    "hill climbing for accuracy": hill_climbing("accuracy"),
    "hill climbing for log loss": hill_climbing("log_loss"),
    "the same, 20 bags": hill_climbing("log_loss", 20),
    "stacked, C = 1": stacked(1.0),
    "stacked, C = 0.01": stacked(0.01),
}


def gains(seed: int, pixels: int) -> dict[tuple[str, str], tuple[float, float, float]]:
    """By metric and ensemble, the gain over the best member: in sample, honest, on fresh rows."""
    members, labels, folds, held, truth = library(seed, pixels)
    found = {}
    for name, fit in ENSEMBLES.items():
        fitting = Fitting(fit, members, labels, folds)
        seen, fresh = fitting.combiner(members.probabilities), [fitting.combiner(fold) for fold in held]
        for metric in (METRICS["accuracy"], METRICS["log_loss"]):
            sign = 1 if metric.higher_is_better else -1
            single = Fitting(best_member(metric), members, labels, folds)
            chosen = single.combiner(members.probabilities)
            # Fold by fold, for averaging over folds helps members and ensembles differently.
            pairs = [
                (metric.score(truth, one), metric.score(truth, single.combiner(fold)))
                for one, fold in zip(fresh, held, strict=True)
            ]
            found[metric.title, name] = (
                sign * (metric.score(labels, seen) - metric.score(labels, chosen)),
                paired(metric, labels, fitting.honest, single.honest).gain,
                sign * float(np.mean([ours - theirs for ours, theirs in pairs])),
            )
    return found


def main() -> None:
    for pixels in (4, 24):
        repeats = [gains(seed, pixels) for seed in range(REPEATS)]
        print(
            f"{MEMBERS} members of {pixels} pixels each, {REPEATS} repeats: gain over the best one ± its standard error"
        )
        print(f"  {'':32}{'in sample':20}{'honest':20}on fresh rows")
        for title, name in repeats[0]:
            rows = np.array([found[title, name] for found in repeats])
            means, errors = rows.mean(axis=0), rows.std(axis=0, ddof=1) / np.sqrt(REPEATS)
            told = "".join(f"{m:+.4f} ± {e:.4f}    " for m, e in zip(means, errors, strict=True))
            print(f"  {title:10}{name:22}{told}")


if __name__ == "__main__":
    main()
