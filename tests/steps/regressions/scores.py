"""Scores, and views: what they show, and what they are worth."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np

from harness.ensembles.combine import averaged
from harness.ensembles.gain import Gain
from harness.scoring import evaluation
from harness.scoring.metrics import METRICS, RowMetric, bootstrap, in_top
from harness.scoring.predictions import Predictions, mean, read, write
from harness.tta import worth
from harness.tta.views import DRAWN, VIEWS, View, views
from tests.conftest import of_labels
from tests.steps.regressions.given import pixels, probabilities
from tests.steps.results import Numbers, defaults, described, digest, regression

Array = np.ndarray


@regression("metrics")
def metrics(folder: Path) -> Numbers:
    (member,), labels = probabilities(50, 4, 1)
    # A certain mistake, a certain hit, ties, and a row that does not sum to one.
    member[0], member[1] = np.eye(4)[(labels[0] + 1) % 4], np.eye(4)[labels[1]]
    member[2:6], member[6] = 0.25, member[6] * 3
    found: Numbers = {}
    for name, metric in METRICS.items():
        if "multiclass" not in metric.kinds:
            continue
        rows = metric.rows(labels, member)[:8] if isinstance(metric, RowMetric) else []
        found[name] = [metric.score(labels, member), *rows]
        found[f"{name}, better"] = [metric.better(1.0, 2.0), metric.better(1.0, 1.0), metric.probabilistic]
    found |= {f"in the top {k}": in_top(labels, member, k).astype(int) for k in (1, 2, 3)}
    many = np.random.default_rng(1).permutation(100) ** 1.5
    for name, values in (("few values", member.argmax(axis=1) == labels), ("many values", many)):
        interval = bootstrap(np.asarray(values, np.float64))
        found[f"bootstrap of {name}"] = [interval.score, interval.low, interval.high]
    groups = np.arange(50) % 12
    for name, groups_of_rows in (("rows", None), ("groups", groups)):
        interval = METRICS["accuracy"].interval(labels, member, groups_of_rows)
        found[f"accuracy of {name}"] = [interval.score, interval.low, interval.high]
    return found


@regression("evaluation")
def evaluations(folder: Path) -> Numbers:
    (member,), labels = probabilities(60, 7, 1)
    labels = np.where(labels == 6, 5, labels)  # a class that never comes
    predictions = Predictions(tuple(map(str, range(60))), tuple("abcdefg"), member)
    write(folder / "kept.h5", "a key", {"holdout": predictions})
    kept = read(folder / "kept.h5", "a key")
    assert kept is not None and read(folder / "kept.h5", "another") is None
    dataset = dataclasses.replace(of_labels(labels), ids=predictions.ids, classes=predictions.classes)
    found = evaluation.write(folder, kept, dataset, "log_loss")["holdout"]
    files = [(folder / name).read_text() for name in ("report-holdout.txt", "confusion-holdout.csv")]
    turned = Predictions(predictions.ids[::-1], predictions.classes, member[::-1] ** 2)
    return {
        "scores": [float(found[name]) for name in ("score", "low", "high", "top1", "top5")],
        "rows": found["rows"],
        "report": digest(files),
        "mean": described(mean([predictions, turned], [1.0, 2.0]).probabilities, 12),
    }


@regression("tta")
def shown(folder: Path) -> Numbers:
    """Every view of noise that is larger than what the network takes, and of noise that is smaller, padded."""
    found: Numbers = {"drawn": DRAWN}
    cases = (("large", pixels(2, 40, 36).astype(np.float32), 0), ("padded", pixels(2, 28, 30).astype(np.float32), 3))
    for name, images, pad in cases:
        for view in dict.fromkeys(view for some in VIEWS.values() for view in some if isinstance(view, View)):
            found[f"{name}, {view.name}"] = described(view.of(images, 32, 34, pad), 10)
    found |= {name: [view.name for view in some] for name, some in VIEWS.items()}
    found["joined"] = [view.name for view in views("shifts+hflip", hflip_safe=True)]
    return found | defaults(View)


@regression("tta_worth")
def worth_of_views(folder: Path) -> Numbers:
    """The table of a run of two folds, whose views are the better the more noise they are averaged over."""
    random = np.random.default_rng(0)
    (plain,), labels = probabilities(300, 3, 1)
    names = tuple(view.name for view in VIEWS["ten_crop"])
    noise = random.normal(0, 1.5, (len(names), 300, 3))
    shown = np.exp(np.log(plain) + noise)
    shown = (shown / shown.sum(axis=2, keepdims=True)).astype(np.float32)[None]
    images = of_labels(labels)
    found: Numbers = {}
    for average in ("probabilities", "logits"):
        for number, rows in enumerate(np.array_split(random.permutation(300), 2), 1):
            below = folder / average / f"fold-{number}"
            worth.ViewPredictions("ten_crop", names, average, rows, shown[:, :, rows]).write(below)
        worth.write(folder / average, images, "log_loss")
        told = json.loads((folder / average / "views.json").read_text())
        entries = {entry["name"]: entry for entry in told["entries"]}
        found |= {
            f"{average}, {name}": [float(entries[name][part]) for part in ("score", "gain", "low", "high", "cost")]
            for name in ("centre", "top left", "hflip", "crops", "ten_crop")
        }
        found[f"{average}, recommended"] = told["recommended"]
        found[f"{average}, entries"] = [*entries]
    by_hand = worth.worth_of_views(
        METRICS["accuracy"],
        labels,
        {"a": shown[0, 0], "b": shown[0, 1]},
        {"both": ("a", "b")},
        "a",
        {"a": 2.0, "b": 5.0},
        lambda some, weights: averaged(some, "probabilities", weights=weights),
        {},
    )
    gains = {"plain": (1, 0.0), "weak": (2, 0.01), "cheap": (4, 0.07), "as cheap": (4, 0.08), "dear": (9, 0.1)}
    made = [
        worth.Worth(one, (one,), 0.5, Gain(gain, gain - 0.03, gain + 0.03), cost) for one, (cost, gain) in gains.items()
    ]
    found["recommended"] = [one.name if one else "" for one in (worth.recommended(made), worth.recommended(made[:2]))]
    return found | {"costs": [entry.cost for entry in by_hand], "gains": [entry.gain.gain for entry in by_hand]}
