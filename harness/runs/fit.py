"""Fitting a recipe fold by fold, and averaging what the folds predict."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from harness.data.dataset import Dataset
from harness.data.fold import Fold
from harness.data.splits import HOLDOUT, OUT_OF_FOLD, TEST
from harness.recipes.recipe import FoldRecipe
from harness.recipes.trained import Trained
from harness.runs import variants as variants_of
from harness.runs.record import finish
from harness.runs.reuse import reuse_weights
from harness.runs.run import Run
from harness.scoring import predictions as tables
from harness.scoring.metrics import METRICS
from harness.scoring.predictions import Predictions
from harness.utils.console import say
from harness.utils.errors import UserError
from harness.utils.files import lock, read_json, write_json
from harness.utils.stopwatch import Stopwatch, Took

Array = np.ndarray

FOLD_RECORD = "fold.json"


def fit(run: Run, recipe: FoldRecipe, folds: Iterable[Fold], dataset: Dataset) -> None:
    """Fit a recipe fold by fold, average what it predicts, and keep it all.

    Of a recipe's variants the one with the lowest log loss out of fold is kept.
    """
    by_fold, records = [], []
    for fold in folds:
        by_fold.append(fit_fold(run, recipe, fold, dataset))
        records.append(read_json(fold.folder / FOLD_RECORD) or {})

    variants = recipe.variants()
    best, out_of_fold, losses = variants_of.lowest(by_fold, len(variants), dataset)
    splits = {
        split: tables.mean([predictions[variants_of.table(split, best)] for predictions in by_fold])
        for split in (HOLDOUT, TEST)
        if variants_of.table(split, best) in by_fold[0]
    }
    chosen: dict[str, Any] = {}
    if len(variants) > 1:
        tried = [variant | {dataset.targets.loss: loss} for variant, loss in zip(variants, losses, strict=True)]
        elsewhere = variants_of.chosen_elsewhere(by_fold, len(variants), dataset)
        chosen = {"chosen": variants[best], "variants": tried, "chosen_elsewhere": elsewhere}
        say(f"{run.name}: {_told(variants, losses, best, METRICS[dataset.targets.loss].title)}")
    made_on = [record["made_on"] for record in records if "made_on" in record]
    if made_on:
        chosen["made_on"] = [record.get("made_on") for record in records]
    if len(made_on) == len(records):  # elsewhere: here, Keras need not be loaded to tell the device
        chosen["machine"] = {name: value for name, value in made_on[0].items() if name != "libraries"}
    took = [Took(record.get("seconds", 0.0), record.get("cpu_seconds", math.nan)) for record in records]
    finish(run, {OUT_OF_FOLD: out_of_fold} | splits, dataset, took, chosen)


def fit_fold(
    run: Run, recipe: FoldRecipe, fold: Fold, dataset: Dataset, made_on: Callable[[], dict[str, Any]] | None = None
) -> dict[str, Predictions]:
    """Fit one fold and keep what it predicts, by split and variant; a fold that is kept is read.

    Args:
        run: whose fold it is.
        recipe: how it is fitted.
        fold: its rows and its folder.
        dataset: the images.
        made_on: tells the machine, for the fold's record, where it need not be the run's own.

    Raises:
        UserError: the recipe predicts no finite numbers.
    """
    file, record = fold.folder / "predictions.h5", fold.folder / FOLD_RECORD
    # A worker that was given up may still be saving what it has of this fold.
    with lock(fold.folder, fold.title):
        predictions = tables.read(file, run.key)
        if predictions is not None:
            return predictions
        stopwatch = Stopwatch()
        reuse_weights(run, fold)
        probabilities = recipe.fit(fold)
        _require_finite(probabilities, recipe, fold)
        predictions = _by_split(probabilities, fold, dataset)
        # Of a fold that was stopped this is its last session alone; what trains knows how long it took in all.
        session = stopwatch.took()
        trained = [read_json(file) or {} for file in fold.folder.glob("**/training.json")]
        took_in_all = {
            name: max(value, round(sum(training.get(name, 0.0) for training in trained), 2))
            for name, value in session._asdict().items()
            if all(name in training for training in trained)  # earlier versions did not note all
        }
        machine = {"made_on": made_on()} if made_on is not None else {}
        write_json(record, took_in_all | {"trained_on": len(fold.train)} | machine)
        tables.write(file, run.key, predictions)
    return predictions


def _require_finite(probabilities: Array, recipe: FoldRecipe, fold: Fold) -> None:
    """Raise an error if a recipe predicts no numbers.

    Raises:
        UserError: so it is with a network whose training went astray.
    """
    wrong = int((~np.isfinite(probabilities)).any(axis=-1).sum())
    if not wrong:
        return
    what = f"{fold.title}: {wrong:,} predictions are not finite numbers"
    if not isinstance(recipe, Trained):
        kind = type(recipe).__name__
        raise UserError(f"{what}.", f"correct what {kind} computes, or its settings in the competition's recipes.py")
    raise UserError(
        f"{what}, as after a training at too high a learning rate.",
        "set a lower learning_rate, in the competition's recipes.py or with --set; harness lr-find suggests one",
    )


def _told(variants: tuple[dict[str, Any], ...], losses: list[float], best: int, loss: str) -> str:
    """Which variant was chosen, how its neighbours did, and whether those beyond might do better."""
    words = [", ".join(f"{name}={value:g}" for name, value in variant.items()) for variant in variants]
    near = [f"{words[i]}: {losses[i]:.4f}" for i in (best - 1, best + 1) if 0 <= i < len(words)]
    edge = "" if 0 < best < len(words) - 1 else "; it is the last one tried on its side, further ones may do better"
    return f"{words[best]} chosen, with {loss} {losses[best]:.4f} out of fold ({'; '.join(near)}){edge}"


def _by_split(probabilities: Array, fold: Fold, dataset: Dataset) -> dict[str, Predictions]:
    """The predictions of each variant for each split: (variants, rows, classes), or (rows, classes) of the only one.

    Where several images are a row of the CSV, theirs are joined.
    """
    start, tables_of_split = 0, {}
    for split, rows in ((OUT_OF_FOLD, fold.validation), (HOLDOUT, fold.holdout), (TEST, fold.test)):
        if len(rows):
            for variant, of_variant in enumerate(probabilities.reshape(-1, *probabilities.shape[-2:])):
                ids, joined = dataset.join(rows, of_variant[start : start + len(rows)])
                tables_of_split[variants_of.table(split, variant)] = Predictions(ids, dataset.classes, joined)
        start += len(rows)
    return tables_of_split
