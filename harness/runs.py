"""A run: one recipe with one set of settings on one data set, kept in a folder of its own.

``runs/<competition>/<recipe>/<key>/`` holds ``run.json`` (what it was made from, on what, how long; written
last, so a folder without it is unfinished), ``predictions.h5``, ``metrics.json``, reports, and one folder a fold
with its learning curves. A finished fold is kept, so an interrupted run goes on with the next one.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from harness import fingerprint as fp
from harness import machine
from harness import predictions as tables
from harness.console import say
from harness.data.cache import Cache, Input
from harness.data.dataset import Dataset
from harness.data.folds import Folds
from harness.dealing import dealt
from harness.ensembles import crossfit, gain
from harness.ensembles.combine import Combiner
from harness.ensembles.members import Members, join
from harness.files import read_json, write_json
from harness.lineage import inherit
from harness.metrics import METRICS
from harness.predictions import HOLDOUT, OUT_OF_FOLD, TEST, Predictions
from harness.recipes.blend import Ensemble
from harness.recipes.recipe import Fold, FoldRecipe, Recipe
from harness.recipes.settings import plain
from harness.report import evaluation, views

Array = np.ndarray
LIBRARIES = ("keras", "tensorflow", "jax", "numpy", "scikit-learn", "opencv-python-headless", "opencv-python")


@dataclass(frozen=True)
class Parent:
    """Where a run goes on from: another one's checkpoints after an epoch."""

    run: Run
    epoch: int


@dataclass(frozen=True)
class Run:
    """A run's folder.

    Args:
        name: the recipe's name.
        key: what the run is made from, as a hash; the folder's name.
        folder: where it is kept.
        recipe: its settings.
        metric: the competition's, by which its predictions are scored.
        smoke: whether the recipe is a shrunken one, whose scores say nothing.
        parent: what its training goes on from; None where it begins anew.
        training_key: what its weights are made from, as a hash; None where none are trained. Runs that ask the same
            weights in other ways share it.
        members: the runs an ensemble is made of: names and keys.
        folds: the name of the file of its folds.
    """

    name: str
    key: str
    folder: Path
    recipe: Recipe = field(repr=False)
    metric: str
    smoke: bool = False
    parent: Parent | None = None
    training_key: str | None = None
    members: dict[str, str] = field(default_factory=dict)
    folds: str = ""

    def about(self) -> dict[str, Any] | None:
        """The fitted run's record; None where it is unfinished or another's."""
        about = read_json(self.folder / "run.json")
        return about if about is not None and about.get("made_from") == self.key else None

    def is_fitted(self) -> bool:
        told = not isinstance(self.recipe, Ensemble) or read_json(self.folder / "blend.json") is not None
        return told and self.about() is not None and self.predictions() is not None

    def is_done(self) -> bool:
        return self.is_fitted() and self.metrics() is not None and views.is_written(self.folder)

    def metrics(self) -> dict[str, Any] | None:
        """Scores by split; None where they are missing or of another metric."""
        found = read_json(self.folder / "metrics.json")
        return found["splits"] if found is not None and found.get("made_from") == self._metrics_key() else None

    def predictions(self) -> dict[str, Predictions] | None:
        """Predictions by split; None where the file is missing or damaged."""
        return tables.read(self.folder / "predictions.h5", self.key)

    def evaluate(self, dataset: Dataset) -> None:
        """Score the predictions. Apart from fitting, so that another metric or report trains nothing again."""
        splits = self.predictions() or {}
        scored = {split: (dataset.labels_of(found.ids), found) for split, found in splits.items() if split != TEST}
        found = evaluation.write(self.folder, scored, self.metric)
        views.write(self.folder, dataset.labels, self.metric)
        write_json(self.folder / "metrics.json", {"made_from": self._metrics_key(), "splits": found})

    def _metrics_key(self) -> str:
        return fp.fingerprint(
            run=self.key,
            metric=self.metric,
            code=fp.code("report.evaluation", "report.views", "ensembles.ledger", "metrics"),
        )

    def has_older(self) -> bool:
        """Whether the recipe was run before, from something else."""
        return any(
            other.name != self.key for other in self.folder.parent.glob("*/run.json") for other in [other.parent]
        )


def fit(run: Run, recipe: FoldRecipe, dataset: Dataset, folds: Folds, caches: dict[Input, Cache], mirror: bool) -> None:
    """Fit a recipe fold by fold, average what it predicts, and keep it all.

    Of a recipe's variants the one with the lowest log loss out of fold is kept.
    """
    found, took = [], []
    for fold in dealt(run.folder, run.name, recipe, dataset, folds, caches, mirror):
        file, record = fold.folder / "predictions.h5", fold.folder / "fold.json"
        kept = tables.read(file, run.key)
        if kept is None:
            started = time.monotonic()
            inherit(run, fold)
            kept = _by_split(recipe.fit(fold), fold, dataset)
            # Of a fold that was stopped this is its last session alone; what trains knows how long it took in all.
            session = time.monotonic() - started
            trained = [read_json(file) or {} for file in fold.folder.glob("**/training.json")]
            took_in_all = max(session, sum(one.get("seconds", 0.0) for one in trained))
            write_json(record, {"seconds": round(took_in_all, 2), "trained_on": len(fold.train)})
            tables.write(file, run.key, kept)
        found.append(kept)
        took.append((read_json(record) or {}).get("seconds", 0.0))

    variants = recipe.variants()
    of_all = [_out_of_fold([kept[_table(OUT_OF_FOLD, variant)] for kept in found]) for variant in range(len(variants))]
    losses = [METRICS["log_loss"].score(dataset.labels_of(each.ids), each.probabilities) for each in of_all]
    best = int(np.argmin(losses))
    splits = {
        split: tables.mean([kept[_table(split, best)] for kept in found])
        for split in (HOLDOUT, TEST)
        if _table(split, best) in found[0]
    }
    chosen = {}
    if len(variants) > 1:
        tried = [variant | {"log_loss": loss} for variant, loss in zip(variants, losses, strict=True)]
        chosen = {"chosen": variants[best], "variants": tried}
        say(f"{run.name}: {_told(variants, losses, best)}")
    _finish(run, {OUT_OF_FOLD: of_all[best]} | splits, dataset, took, chosen)


def _told(variants: tuple[dict[str, Any], ...], losses: list[float], best: int) -> str:
    """Which variant was chosen, how its neighbours did, and whether those beyond might do better."""
    words = [", ".join(f"{name}={value:g}" for name, value in variant.items()) for variant in variants]
    near = [f"{words[i]}: {losses[i]:.4f}" for i in (best - 1, best + 1) if 0 <= i < len(words)]
    edge = "" if 0 < best < len(words) - 1 else "; it is the last one tried on its side, further ones may do better"
    return f"{words[best]} chosen, with log loss {losses[best]:.4f} out of fold ({'; '.join(near)}){edge}"


def blend(
    run: Run, members: dict[str, dict[str, Predictions]], dataset: Dataset, folds: Folds, left_out: dict[str, str]
) -> None:
    """Combine members' predictions, and keep the result with a report of what it gains, ``blend.json``.

    Args:
        run: of an ensemble.
        members: predictions by split, by member.
        dataset: gives the labels.
        folds: those the members were fitted on, to cross-fit by.
        left_out: members that failed, and why.

    Raises:
        UserError: the members predict different rows or classes.
    """
    recipe, metric, started = run.recipe, METRICS[run.metric], time.monotonic()
    assert isinstance(recipe, Ensemble)
    first = next(iter(members.values()))
    splits = {split: join({name: kept[split] for name, kept in members.items()}) for split in first}
    known = splits[OUT_OF_FOLD]
    row_of = {name: row for row, name in enumerate(dataset.ids)}
    rows = np.array([row_of[name] for name in known.ids])
    labels = dataset.labels[rows]
    parts = crossfit.parts_of(known.ids, labels, dataset.groups[rows], folds)

    def fit(members: Members, labels: Array) -> Combiner:
        return recipe.fit(members, labels, metric)

    fitting = crossfit.Fitting(fit, known, labels, parts)
    found = {split: fitting.combiner(joined.probabilities) for split, joined in splits.items()}
    combined = {
        split: Predictions(splits[split].ids, dataset.classes, probabilities.astype(np.float32))
        for split, probabilities in (found | {OUT_OF_FOLD: fitting.honest}).items()
    }
    report = {"made_from": run.key, "left_out": left_out, **gain.examine(fitting, metric)}
    write_json(run.folder / "blend.json", report)
    _finish(run, combined, dataset, [round(time.monotonic() - started, 2)])


def _finish(
    run: Run, splits: dict[str, Predictions], dataset: Dataset, took: list[float], chosen: dict[str, Any] | None = None
) -> None:
    """Write the predictions, and last the record that makes the run count as fitted."""
    tables.write(run.folder / "predictions.h5", run.key, splits)
    parent, training = run.parent, [read_json(file) for file in sorted(run.folder.glob("fold-*/training.json"))]
    record = {
        "made_from": run.key,
        "recipe": run.name,
        "settings": plain(run.recipe),
        "smoke": run.smoke,
        "parent": parent and {"run": parent.run.key, "epoch": parent.epoch, "settings": plain(parent.run.recipe)},
        "training_key": run.training_key,
        "members": run.members,
        "training": training,
        "dataset": dataset.fingerprint,
        "folds": run.folds,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(sum(took), 2),
        "seconds_by_fold": took,
        "machine": machine.about(trained=bool(training)),
        "backend": os.environ.get("KERAS_BACKEND", "tensorflow"),
        "libraries": _versions(),
    } | (chosen or {})
    write_json(run.folder / "run.json", record)


def _by_split(probabilities: Array, fold: Fold, dataset: Dataset) -> dict[str, Predictions]:
    """The predictions of each variant for each split: (variants, rows, classes), or (rows, classes) of the only one."""
    start, found = 0, {}
    for split, rows in ((OUT_OF_FOLD, fold.validation), (HOLDOUT, fold.holdout), (TEST, fold.test)):
        if len(rows):
            ids = tuple(dataset.ids[row] for row in rows)
            for variant, each in enumerate(probabilities.reshape(-1, *probabilities.shape[-2:])):
                found[_table(split, variant)] = Predictions(ids, dataset.classes, each[start : start + len(rows)])
        start += len(rows)
    return found


def _table(split: str, variant: int) -> str:
    return f"{split} {variant}"


def _out_of_fold(parts: list[Predictions]) -> Predictions:
    """Join the folds' validation parts; a row validated in several repeats gets their average."""
    sums: dict[str, list[Array]] = {}
    for part in parts:
        for name, row in zip(part.ids, part.probabilities, strict=True):
            sums.setdefault(name, []).append(row)
    return Predictions(
        tuple(sums), parts[0].classes, np.array([np.mean(rows, axis=0) for rows in sums.values()], np.float32)
    )


def _versions() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
