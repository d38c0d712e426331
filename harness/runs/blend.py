"""Fitting an ensemble to the predictions of its members."""

from __future__ import annotations

import numpy as np

from harness.data.dataset import Dataset
from harness.data.folds import Folds
from harness.data.splits import OUT_OF_FOLD
from harness.ensembles import crossfit, gain, kept
from harness.ensembles.combine import Combiner
from harness.ensembles.members import Members, join
from harness.recipes.ensemble import Ensemble
from harness.runs.record import finish
from harness.runs.run import Run
from harness.scoring.metrics import METRICS
from harness.scoring.predictions import Predictions
from harness.utils.files import write_json
from harness.utils.stopwatch import Stopwatch

Array = np.ndarray


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
    recipe, metric, stopwatch = run.recipe, METRICS[run.metric], Stopwatch()
    assert isinstance(recipe, Ensemble)
    first = next(iter(members.values()))
    splits = {
        split: join({name: tables[split] for name, tables in members.items()}, dataset.targets) for split in first
    }
    known = splits[OUT_OF_FOLD]
    rows = dataset.rows_of(known.ids)
    labels = dataset.labels[rows]
    parts = crossfit.parts_of(known.ids, dataset.targets.strata(labels), dataset.groups[rows], folds)

    def fit(members: Members, labels: Array) -> Combiner:
        return recipe.fit(members, labels, metric)

    fitting = crossfit.Fitting(fit, known, labels, parts)
    probabilities_of = {split: fitting.combiner(joined.probabilities) for split, joined in splits.items()}
    combined = {
        split: Predictions(splits[split].ids, dataset.classes, probabilities.astype(np.float32))
        for split, probabilities in (probabilities_of | {OUT_OF_FOLD: fitting.honest}).items()
    }
    report = {"made_from": run.key, "left_out": left_out, **gain.examine(fitting, metric, dataset.groups_of(known.ids))}
    kept.write(run.folder, fitting.combiner, known.names)
    write_json(run.folder / "blend.json", report)
    finish(run, combined, dataset, [stopwatch.took()])
