"""The honest score of a choice among variants: each fold's rows are predicted by the variant chosen without them."""

from __future__ import annotations

import numpy as np

from harness.runs.variants import chosen_elsewhere, honest, out_of_fold, table
from harness.scoring import predictions as tables
from harness.scoring.metrics import METRICS
from harness.scoring.predictions import Predictions
from tests.conftest import drawn


def of_fold(dataset, rows: np.ndarray, sure: tuple[float, ...]) -> dict[str, Predictions]:
    """Each variant's predictions of a fold's rows: the true class gets this probability."""
    ids, found = tuple(dataset.ids[row] for row in rows), {}
    for variant, p in enumerate(sure):
        probabilities = np.full((len(rows), 3), (1 - p) / 2, np.float32)
        probabilities[np.arange(len(rows)), dataset.labels[rows]] = p
        found[table("out_of_fold", variant)] = Predictions(ids, dataset.classes, probabilities)
    return found


def test_a_lucky_variant_is_not_chosen_for_its_own_fold(tmp_path):
    dataset = drawn(60)
    folds = np.array_split(np.arange(60), 3)
    # Variant 1 shines on the first fold alone, and by that has the lowest loss of all rows.
    sure = [(0.5, 0.999), (0.5, 0.45), (0.5, 0.45)]
    by_fold = [of_fold(dataset, rows, p) for rows, p in zip(folds, sure, strict=True)]
    joined = [out_of_fold([one[table("out_of_fold", v)] for one in by_fold]) for v in (0, 1)]
    losses = [METRICS["log_loss"].score(dataset.labels_of(one.ids), one.probabilities) for one in joined]
    assert losses[1] < losses[0]
    chosen = chosen_elsewhere(by_fold, 2, dataset)
    assert chosen == [0, 1, 1]
    for number, one in enumerate(by_fold, 1):
        tables.write(tmp_path / f"fold-{number}" / "predictions.h5", "key", one)
    found = honest(tmp_path, "key", {"chosen_elsewhere": chosen})
    for number, (rows, variant) in enumerate(zip(folds, chosen, strict=True)):
        own = found.of(tuple(dataset.ids[row] for row in rows))[np.arange(20), dataset.labels[rows]]
        assert np.allclose(own, sure[number][variant])
    assert METRICS["log_loss"].score(dataset.labels_of(found.ids), found.probabilities) > losses[1]
    assert honest(tmp_path, "another", {"chosen_elsewhere": chosen}) is None
    assert honest(tmp_path, "key", {}) is None and chosen_elsewhere(by_fold[:1], 2, dataset) == []


def test_with_repeats_the_labels_of_a_folds_own_rows_do_not_decide():
    dataset = drawn(4)
    halves = (np.array([0, 1]), np.array([2, 3]), np.array([0, 2]), np.array([1, 3]))
    # In the second repeat, variant 1 shines on the very rows that the first fold validates, and nowhere else.
    sure = {0: (0.5, 0.99), 1: (0.5, 0.99), 2: (0.5, 0.3), 3: (0.5, 0.3)}
    by_fold = []
    for rows in halves:
        ids, tables_of_fold = tuple(dataset.ids[row] for row in rows), {}
        for variant in (0, 1):
            probabilities = np.zeros((2, 3), np.float32)
            for place, row in enumerate(rows):
                p = sure[int(row)][variant]
                probabilities[place] = (1 - p) / 2
                probabilities[place, dataset.labels[row]] = p
            tables_of_fold[table("out_of_fold", variant)] = Predictions(ids, dataset.classes, probabilities)
        by_fold.append(tables_of_fold)
    assert chosen_elsewhere(by_fold, 2, dataset)[0] == 0
