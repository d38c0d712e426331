"""What is kept of how good predictions are."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from harness.data.dataset import Dataset
from harness.scoring import evaluation
from harness.scoring.predictions import Predictions
from tests.conftest import of_labels

CLASSES = tuple(f"class {i}" for i in range(7))


@pytest.fixture
def case() -> tuple[Dataset, Predictions]:
    """Predictions that are right rather often, of six of seven classes: the last one never occurs."""
    random = np.random.default_rng(4)
    labels = random.integers(0, 6, 90)
    probabilities = random.dirichlet(np.ones(7), 90) + np.eye(7)[labels] * 0.3
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    dataset = dataclasses.replace(of_labels(labels), classes=CLASSES)
    return dataset, Predictions(dataset.ids, CLASSES, probabilities.astype(np.float32))


def test_scores_come_with_their_interval_and_ranks(case):
    dataset, predictions = case
    labels = dataset.labels
    order = np.argsort(-predictions.probabilities, axis=1)
    found = evaluation.evaluate(predictions, dataset, "log_loss")
    assert found["metric"] == "log_loss" and found["rows"] == 90
    assert found["low"] < found["score"] < found["high"]
    assert found["score"] == pytest.approx(-np.log(predictions.probabilities[np.arange(90), labels]).mean(), rel=1e-5)
    assert found["top1"] == pytest.approx((order[:, 0] == labels).mean())
    assert found["top5"] == pytest.approx((order[:, :5] == labels[:, None]).any(axis=1).mean())


def test_each_split_gets_its_metrics_its_report_and_its_confusions(case, tmp_path: Path):
    dataset, predictions = case
    found = evaluation.write(tmp_path, {"holdout": predictions, "out_of_fold": predictions}, dataset, "error")
    assert set(found) == {"holdout", "out_of_fold"}
    with (tmp_path / "confusion-holdout.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert tuple(header[1:]) == tuple(row[0] for row in rows) == CLASSES
    table = np.array([row[1:] for row in rows], int)
    guesses = predictions.probabilities.argmax(axis=1)
    assert np.array_equal(table, confusion_matrix(dataset.labels, guesses, labels=np.arange(7)))
    report = (tmp_path / "report-holdout.txt").read_text()
    assert all(name in report for name in CLASSES) and "macro avg" in report
