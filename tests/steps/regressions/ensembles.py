"""Ensembles: averages, selections, stacks and calibrations of made-up members, and a run of one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.data.folds import Folds, KFold
from harness.ensembles.calibration import FLOORS, Calibration, calibrate
from harness.ensembles.combine import AVERAGES, Average, averaged
from harness.ensembles.hill_climbing import select
from harness.ensembles.members import Members, join
from harness.ensembles.stacking import stack
from harness.ensembles.thresholds import GradeCuts, LabelThresholds, fit_cuts, fit_labels
from harness.recipes import Blend, Calibrated, HillClimb, Stacked, Thresholded
from harness.recipes.ensemble import Ensemble, EnsembleOfSeveral
from harness.runs.blend import blend
from harness.runs.run import Run
from harness.scoring.metrics import METRICS, Metric, RowMetric
from harness.scoring.predictions import Predictions
from tests.conftest import drawn
from tests.steps.regressions.given import probabilities
from tests.steps.results import Numbers, defaults, described, digest, regression

Array = np.ndarray
LOG_LOSS = METRICS["log_loss"]


def named(members: Array) -> Members:
    """Members called a, b, c, …"""
    _, n, classes = members.shape
    return Members(tuple("abcdef"[: len(members)]), tuple(map(str, range(n))), tuple("wxyz"[:classes]), members)


@regression("averages")
def averages(folder: Path) -> Numbers:
    members, labels = probabilities(20, 3, 4)
    members[0, 0], members[1, 1, 0] = (1, 0, 0), 0
    weights = np.array([1.0, 2.0, 0.5, 1.5])
    found: Numbers = {how: described(Average(weights, how)(members), 12) for how in AVERAGES}
    # Two votes each: the mean probability decides, and how much it counts shows.
    found["tied votes"] = described(1000 * Average(np.ones(4), "vote")(members), 12)
    found |= {f"equal {of}": described(averaged(members, of), 9) for of in ("probabilities", "logits")}
    blended = Blend(of=("b", "a", "d", "c"), weights=(4.0, 3.0, 2.0, 1.0), how="geometric")
    for name, recipe in (("weights", blended), ("equal weights", Blend(of=blended.of))):
        found[name] = recipe.fit(named(members), labels, LOG_LOSS).about()["weights"]
    rows = [Predictions(("2", "10", "1")[::turn], ("x", "y", "z"), members[0, :3][::turn]) for turn in (1, -1)]
    joined = join({"b": rows[0], "a": rows[1]})
    found["joined"] = [*joined.names, *joined.ids, digest(joined.probabilities)]
    return found | {"steps of keys": [*blended.key_steps]} | defaults(Blend, Ensemble, EnsembleOfSeveral)


@regression("hill_climbing")
def selections(folder: Path) -> Numbers:
    members, labels = probabilities(80, 4, 6)
    members[4] *= 2  # rows that do not sum to one count as if they did
    brier = RowMetric(
        name="brier",
        title="",
        higher_is_better=False,
        judges="probabilities",
        rows=lambda y, p: ((p - np.eye(4)[y]) ** 2).sum(axis=1),
    )
    found: Numbers = {}
    for metric in (*(each for each in METRICS.values() if "multiclass" in each.kinds), brier):
        for bags in (1, 5):
            found[f"{metric.name}, {bags} bags"] = select(members, labels, metric, steps=15, bags=bags, seed=3)
        found[f"{metric.name}, few steps"] = select(members, labels, metric, steps=4, bags=1, seed=3)
    recipe = HillClimb(of=("a", "b", "c", "d", "e", "f"))
    found["recipe"] = recipe.fit(named(members), labels, LOG_LOSS).about()["weights"]
    return found | {"steps of keys": [*recipe.key_steps]} | defaults(HillClimb)


@regression("stacking")
def stacks(folder: Path) -> Numbers:
    members, labels = probabilities(60, 4, 3)
    members[0, 0, :] = (1, 0, 0, 0)
    without = np.where(labels == 2, 1, labels)
    found: Numbers = {}
    for name, known in (
        ("all classes", labels),
        ("a class missing", without),
        ("two", labels % 2),
        ("one", labels * 0),
    ):
        made = stack(members, known, 0.05)
        found[name] = described(made(members), 16)
        found[f"{name}, coefficients"] = described(made.coefficients, 12)
    recipe = Stacked(of=("a", "b", "c"))
    found["recipe"] = described(recipe.fit(named(members), labels, LOG_LOSS)(members), 12)
    return found | {"steps of keys": [*recipe.key_steps]} | defaults(Stacked)


@regression("calibration")
def calibrations(folder: Path) -> Numbers:
    """Of one member as it is, far too sure, far from sure enough, useless, and sure of a few mistakes."""
    (member,), labels = probabilities(400, 3, 1)
    right, wrong = np.eye(3)[labels], np.eye(3)[(labels + 1) % 3]
    cases = {
        "plain": member,
        "too sure": member**8.0,
        "not sure": member**0.2,
        "useless": wrong + 0.03,
        "right": right * 0.02 + 0.327,
        "sure of mistakes": np.where(np.arange(400)[:, None] % 80, right, wrong) + 1e-9,
    }
    found: Numbers = {}
    for name, one in cases.items():
        one = (one / one.sum(axis=1, keepdims=True))[None]
        made = calibrate(one, labels)
        found[name] = [made.temperature, made.floor]
        found[f"{name}, answers"] = described(made(one), 9)
    found["given"] = described(Calibration(2.0, 0.05)(member[None]), 12)
    recipe = Calibrated(of="a")
    found["recipe"] = [*recipe.fit(named(member[None]), labels, LOG_LOSS).about().values()]
    return found | {"floors": [*FLOORS], "steps of keys": [*recipe.key_steps]}


@dataclass(frozen=True, kw_only=True)
class ByLoss(EnsembleOfSeveral):
    """Weights by the members' scores."""

    def fit(self, members: Members, labels: Array, metric: Metric) -> Average:
        return Average(np.exp([-metric.score(labels, one) for one in members.probabilities]))


@regression("ensemble_runs")
def run_of_an_ensemble(folder: Path) -> Numbers:
    """Cross-fitted by the folds, and by parts of its own where its members know one fold only."""
    dataset = drawn(90, 3, splits=["train"] * 60 + ["holdout"] * 30)
    members, _ = probabilities(90, 3, 3)
    members[:, np.arange(90), dataset.labels] += 0.4
    members /= members.sum(axis=2, keepdims=True)
    train, order = dataset.rows("train"), np.random.default_rng(0).permutation(60)
    folds = Folds(tuple(dataset.ids[row] for row in train), KFold(4).split(dataset.labels[train], train))
    found: Numbers = {}
    for name, rows in (("four folds", order), ("one fold", order[folds.assignment[order, 0] == 2])):
        splits = {"out_of_fold": rows, "holdout": dataset.rows("holdout")}
        tables = {
            member: {
                split: Predictions(tuple(dataset.ids[row] for row in some), dataset.classes, values[some])
                for split, some in splits.items()
            }
            for member, values in zip("cab", members, strict=True)
        }
        run = Run(name=name, key=name, folder=folder / name, recipe=ByLoss(of=("a", "b", "c")), metric="log_loss")
        blend(run, tables, dataset, folds, {})
        report, predictions = json.loads((run.folder / "blend.json").read_text()), run.predictions()
        assert predictions is not None
        found |= {f"{name}, {split}": described(table.probabilities, 12) for split, table in predictions.items()}
        found |= {
            f"{name}, ids": digest([table.ids for table in predictions.values()]),
            f"{name}, weights": report["fitted"]["weights"],
            f"{name}, scores": [report[score] for score in ("in_sample", "honest", "best_honest")],
            f"{name}, gain": [report["gain"][part] for part in ("gain", "low", "high")],
            f"{name}, contributions": [one["contribution"]["gain"] for one in report["members"]],
            f"{name}, correlation": report["correlation"],
            f"{name}, best": report["best"],
            f"{name}, verdict": report["gain"]["verdict"],
        }
    return found


@regression("thresholds")
def thresholds(folder: Path) -> Numbers:
    random = np.random.default_rng(0)
    true = (random.random((80, 4)) < (0.5, 0.3, 0.2, 0.1)).astype(np.int8)
    p = (1 / (1 + np.exp(1 - 2 * true + random.normal(size=true.shape)))).astype(np.float32)
    found: Numbers = {}
    for name, per_label, least in (
        ("micro_f1", True, False),
        ("micro_f1", False, False),
        ("micro_f2", True, False),
        ("macro_f1", True, False),
        ("macro_f1", False, False),
        ("sample_f1", False, True),
    ):
        values = fit_labels(p, true, METRICS[name], per_label, least)
        decided = LabelThresholds(values, least)(p[None])
        found[f"{name}, {per_label}, {least}"] = [*values.tolist(), *described(decided, 8)]
    (grades,), labels = probabilities(90, 5, 1)
    cuts = GradeCuts(fit_cuts(grades, labels, METRICS["quadratic_weighted_kappa"]))
    return (
        found | {"cuts": cuts.about()["thresholds"], "grades": described(cuts(grades[None]), 8)} | defaults(Thresholded)
    )
